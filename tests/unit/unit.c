/* unit.c - runs a table of CUnit tests and ends with "N passed, N failed". */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

static void
require(CU_ErrorCode code)
{
	if (code == CUE_SUCCESS)
		return;
	fprintf(stderr, "CUnit: %s\n", CU_get_error_msg());
	exit(1);
}

static void
add(const char *name, const struct unit_test *tests, size_t count)
{
	require(CU_initialize_registry());
	CU_pSuite suite = CU_add_suite(name, NULL, NULL);
	require(CU_get_error());
	for (size_t i = 0; i < count; i++) {
		CU_add_test(suite, tests[i].name, tests[i].run);
		require(CU_get_error());
	}
}

static void
print_failures(void)
{
	for (CU_pFailureRecord f = CU_get_failure_list(); f; f = f->pNext)
		printf("FAILED %s: %s:%u: %s\n",
		    f->pTest != NULL ? f->pTest->pName : "suite",
		    f->strFileName, f->uiLineNumber, f->strCondition);
}

int
unit_main(const char *suite, const struct unit_test *tests, size_t count)
{
	add(suite, tests, count);
	CU_basic_set_mode(CU_BRM_SILENT);
	require(CU_basic_run_tests());
	print_failures();
	unsigned run = CU_get_number_of_tests_run();
	unsigned failed = CU_get_number_of_tests_failed();
	printf("%u passed, %u failed\n", run - failed, failed);
	fflush(stdout);
	CU_cleanup_registry();
	return run != 0 && run == count && failed == 0 ? 0 : 1;
}
