/* rows.h - turns the rows of settings.def and commands.def into lists of a
 * manual page. For the preprocessor alone; an @ becomes the end of a line. */
#define SETTING(type, field, key, value, min, max, unit, reload, sentence)     \
	@.It Li key Pq value unit@sentence.@
#define COMMAND(name, options, arguments, min, max, sentence)                  \
	@.It Ic name options arguments@sentence.@
