/* completion.h - turns the rows of commands.def into lines for completion. For the
 * preprocessor alone; an @ becomes the end of a line. */
#define COMMAND(name, options, arguments, min, max, sentence)                  \
	@name|options|sentence@
