/* words.c - words, quotes and escapes: how a script and a printed method are
 * written. */
#include "tests/scenario/words.h"

#include <ctype.h>
#include <stdio.h>

#include "amqp/xalloc.h"

/* Where the word, quoted string or braces at p end. */
static const uint8_t *
skip_quoted(const uint8_t *p, const uint8_t *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\' && p + 1 < end)
			p++;
	return p < end ? p + 1 : end;
}

static const uint8_t *
skip_word(const uint8_t *p, const uint8_t *end)
{
	int depth = 0;
	while (p < end) {
		if (*p == '"') {
			p = skip_quoted(p, end);
			continue;
		}
		if (depth == 0 && isspace(*p))
			break;
		depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
		p++;
	}
	return p;
}

static struct bytes
without_blanks(struct bytes line)
{
	while (line.n > 0 && isspace(line.p[0])) {
		line.p++;
		line.n--;
	}
	return line;
}

bool
words_take(struct bytes *line, struct bytes *word)
{
	struct bytes rest = without_blanks(*line);
	const uint8_t *stop = skip_word(rest.p, rest.p + rest.n);
	*word = (struct bytes){rest.p, (size_t)(stop - rest.p)};
	*line = without_blanks((struct bytes){stop, rest.n - word->n});
	return word->n > 0;
}

bool
words_piece(struct bytes *rest, char separator, struct bytes *piece)
{
	if (rest->n == 0)
		return false;
	const uint8_t *end = memchr(rest->p, separator, rest->n);
	*piece = *rest;
	if (end)
		piece->n = (size_t)(end - rest->p);
	size_t took = end ? piece->n + 1 : piece->n;
	rest->p += took;
	rest->n -= took;
	return true;
}

bool
words_split(struct bytes word, struct bytes *name, struct bytes *value)
{
	size_t i = 0;
	while (i < word.n && word.p[i] != '=' && word.p[i] != '"')
		i++;
	if (i == word.n || word.p[i] != '=')
		return false;
	*name = (struct bytes){word.p, i};
	*value = (struct bytes){word.p + i + 1, word.n - i - 1};
	return true;
}

bool
words_field(struct bytes line, struct bytes name, struct bytes *value)
{
	struct bytes word, key;
	while (words_take(&line, &word))
		if (words_split(word, &key, value) && bytes_eq(key, name))
			return true;
	return false;
}

int
words_hex(uint8_t digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	digit = (uint8_t)tolower(digit);
	return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* One escape behind its backslash; returns the address behind it, or NULL. */
static const uint8_t *
unescape(struct writer *w, const uint8_t *p, const uint8_t *end)
{
	static const char names[] = "nrt\"\\", values[] = "\n\r\t\"\\";
	if (p == end)
		return NULL;
	if (*p == 'x' && end - p >= 3 && words_hex(p[1]) >= 0 &&
	    words_hex(p[2]) >= 0) {
		writer_u8(w, (uint8_t)(words_hex(p[1]) << 4 | words_hex(p[2])));
		return p + 3;
	}
	const char *found = memchr(names, *p, sizeof names - 1);
	if (!found)
		return NULL;
	writer_u8(w, (uint8_t)values[found - names]);
	return p + 1;
}

bool
words_unquote(struct writer *w, struct bytes raw)
{
	if (raw.n == 0 || raw.p[0] != '"') {
		writer_bytes(w, raw);
		return true;
	}
	const uint8_t *p = raw.p + 1, *end = raw.p + raw.n;
	while (p && p < end && *p != '"') {
		if (*p == '\\')
			p = unescape(w, p + 1, end);
		else
			writer_u8(w, *p++);
	}
	return p && p == end - 1;
}

void
words_escape(struct writer *w, struct bytes b)
{
	char hex[5];
	for (size_t i = 0; i < b.n; i++) {
		uint8_t c = b.p[i];
		if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {
			writer_u8(w, c);
			continue;
		}
		snprintf(hex, sizeof hex, "\\x%02x", c);
		words_put(w, hex);
	}
}

bool
words_number(struct bytes raw, uint64_t *number)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < raw.n; i++) {
		if (!isdigit(raw.p[i]))
			return false;
		sum = sum * 10 + (uint64_t)(raw.p[i] - '0');
	}
	*number = sum;
	return raw.n > 0;
}

char *
words_string(struct bytes b)
{
	return (char *)xbytesdup(b).p;
}

void
words_put(struct writer *w, const char *s)
{
	writer_bytes(w, bytes_str(s));
}
