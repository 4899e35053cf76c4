/* completion.h - turns rows of commands.def and settings.def into lines for completion.
 * For the preprocessor alone; an @ becomes the end of a line. */
#define COMMAND(name, options, arguments, min, max, sentence)                  \
	@name^options^sentence@
#define SETTING(type, field, key, value, min, max, unit, reload, sentence)     \
	@key^@
