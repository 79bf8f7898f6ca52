/* tests/unit/segments/s3_uploads_test.c - lists of unended uploads, and what only looks like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "segments/s3_uploads.h"

#define LIST                                                                                       \
    "<?xml version=\"1.0\"?><ListMultipartUploadsResult xmlns=\"http://s3.amazonaws.com/doc/"      \
    "2006-03-01/\"><Bucket>b</Bucket><KeyMarker></KeyMarker><NextKeyMarker>t/z</NextKeyMarker>"    \
    "<NextUploadIdMarker>u9</NextUploadIdMarker><IsTruncated>true</IsTruncated>"                   \
    "<Upload><Key>t/a&amp;b</Key><UploadId>u1</UploadId><Owner><ID>x</ID></Owner></Upload>"        \
    "<Upload><Key>t/c</Key></Upload>"                                                              \
    "<Upload><Key>t/d</Key><UploadId>u3</UploadId></Upload></ListMultipartUploadsResult>"

static void uploads_and_the_next_page_are_read(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new();
    weir_s3_uploads page;
    assert_true(weir_s3_uploads_read(WEIR_STR(LIST), arena, &page));
    assert_int_equal(page.count, 2); /* one without an id cannot be ended */
    assert_true(weir_str_is(page.uploads[0].key, "t/a&b") && weir_str_is(page.uploads[0].id, "u1"));
    assert_true(weir_str_is(page.uploads[1].key, "t/d") && weir_str_is(page.uploads[1].id, "u3"));
    assert_true(page.more && weir_str_is(page.next_key, "t/z") && weir_str_is(page.next_id, "u9"));
    weir_arena_free(arena);
}

static void no_list_is_no_list(void **state)
{
    (void)state;
    static const char *const rows[] = {"", "x", "<a/>", "<ListMultipartUploadsResult>",
                                       "<Error><Code>NotImplemented</Code></Error>"};
    weir_arena *arena = weir_arena_new();
    weir_s3_uploads page;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_false(weir_s3_uploads_read(weir_str_of(rows[i]), arena, &page));
    }
    assert_true(weir_s3_uploads_read(WEIR_STR("<ListMultipartUploadsResult><IsTruncated>true"
                                              "</IsTruncated></ListMultipartUploadsResult>"),
                                     arena, &page));
    assert_false(page.more); /* nowhere to go on */
    weir_arena_free(arena);
}

static void cut_and_flipped_bytes_end(void **state)
{
    (void)state;
    weir_arena *arena = weir_arena_new();
    weir_s3_uploads page;
    for (size_t i = 0; i < sizeof(LIST) - 1; i++) {
        char *copy = malloc(sizeof(LIST) - 1); /* exactly, so that a step beyond is seen */
        memcpy(copy, LIST, sizeof(LIST) - 1);
        assert_false(weir_s3_uploads_read((weir_str){copy, i}, arena, &page));
        copy[i] ^= 4;
        weir_s3_uploads_read((weir_str){copy, sizeof(LIST) - 1}, arena, &page);
        free(copy);
    }
    weir_arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uploads_and_the_next_page_are_read),
        cmocka_unit_test(no_list_is_no_list),
        cmocka_unit_test(cut_and_flipped_bytes_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
