/* credentials.c - what new passwords must be like. */
#include "broker/credentials.h"

#include <stdio.h>

#include "broker/config.h"
#include "broker/pattern.h"

typedef bool rule(
    const struct config *, struct bytes password, char *error, size_t size);

static bool
accept_everything(
    const struct config *c, struct bytes password, char *error, size_t size)
{
	return true;
}

static bool
long_enough(
    const struct config *c, struct bytes password, char *error, size_t size)
{
	if (password.n >= (uint64_t)c->credential_min_length)
		return true;
	snprintf(error, size, "minimum required password length: %lld",
	    (long long)c->credential_min_length);
	return false;
}

static bool
follows_pattern(
    const struct config *c, struct bytes password, char *error, size_t size)
{
	struct pattern *p =
	    pattern_new(bytes_str(c->credential_regexp), error, size);
	bool matches = p != NULL && pattern_matches_secret(p, password);

	pattern_free(p);
	if (!matches)
		snprintf(error, size,
		    "provided password does not match the validator regular "
		    "expression");
	return matches;
}

static rule *
rule_find(const char *backend)
{
	static const struct {
		const char *name;
		rule *rule;
	} rules[] = {
	    {"rabbit_credential_validator_accept_everything",
		accept_everything},
	    {"rabbit_credential_validator_min_password_length", long_enough},
	    {"rabbit_credential_validator_password_regexp", follows_pattern},
	};

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (strcmp(rules[i].name, backend) == 0)
			return rules[i].rule;
	return NULL;
}

bool
credential_acceptable(const struct config *c, struct bytes password,
    char *error, size_t size)
{
	return rule_find(c->credential_backend)(c, password, error, size);
}
