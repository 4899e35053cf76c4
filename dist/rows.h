/* rows.h - turns rows of .def files into lists of a manual page. For the preprocessor alone; an @ becomes the end of a line. */
#define SETTING(type, field, key, value, min, max, unit, reload, sentence)     \
	@.It Li key Pq value unit RELOAD_##reload@sentence.@
#define RELOAD_true , reload
#define RELOAD_false
#define COMMAND(name, options, arguments, min, max, sentence)                  \
	@.It Ic name ^ options ^ arguments@sentence.@
#define VARIABLE(name, kind, key, sentence)                                    \
	VARIABLE_##kind(@.It Ev RABBITMQ_##name@sentence, sentence)
#define VARIABLE_BEFORE(row, sentence) row.@
#define VARIABLE_AFTER(row, sentence) row.@
#define VARIABLE_CONTENT(row, sentence) row.@
#define VARIABLE_WATERMARK(row, sentence) row.@
#define VARIABLE_LOGS(row, sentence) row.@
#define VARIABLE_LEVELS(row, sentence) row.@
#define VARIABLE_ARGUMENTS(row, sentence) row.@
#define VARIABLE_ADDRESS(row, sentence) row.@
#define VARIABLE_PLACE(row, sentence) row.@
#define VARIABLE_NOTHING(row, sentence) row: it does nothing.@
