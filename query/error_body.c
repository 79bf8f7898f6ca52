/* query/error_body.c - Druid's error bodies. Two forms were recorded: what could not be read as a query at all has four members; what failed later is a
 * "legacyQueryException" with persona and category. The sentence is ours and names the thing. */
#include "weir/query.h"

static const char *category_of(weir_err code)
{
    switch (code) {
    case WEIR_ERR_TIMEOUT:
        return "TIMEOUT";
    case WEIR_ERR_CANCELLED:
        return "CANCELED";
    case WEIR_ERR_RESOURCE:
    case WEIR_ERR_CAPACITY:
        return "CAPACITY_EXCEEDED";
    case WEIR_ERR_UNSUPPORTED:
        return "UNSUPPORTED";
    case WEIR_ERR_NOT_FOUND:
        return "NOT_FOUND";
    case WEIR_ERR_BAD_CONTEXT:
    case WEIR_ERR_BAD_REQUEST:
    case WEIR_ERR_BAD_JSON:
    case WEIR_ERR_BAD_QUERY:
    case WEIR_ERR_EXISTS:
    case WEIR_ERR_CONFLICT:
        return "INVALID_INPUT";
    case WEIR_OK:
    case WEIR_ERR_RUN:
    case WEIR_ERR_ARGUMENT:
    case WEIR_ERR_CORRUPT:
    case WEIR_ERR_STORE:
    case WEIR_ERR_REFUSED:
    case WEIR_ERR_KAFKA:
    case WEIR_ERR_INTERNAL:
        return "RUNTIME_FAILURE";
    }
    return "RUNTIME_FAILURE";
}

/* DruidException, as the newer APIs (supervisors, SQL) print it. */
static void druid_exception(weir_json *json, const weir_error *err)
{
    weir_json_member_text(json, "error", "druidException");
    weir_json_member_text(json, "errorCode", weir_err_word(err->code));
    weir_json_member_text(json, "persona", "USER");
    weir_json_member_text(json, "category", category_of(err->code));
    weir_json_member_text(json, "errorMessage", err->message);
    weir_json_key(json, WEIR_STR("context"));
    weir_json_begin_object(json);
    weir_json_end_object(json);
}

static void unreadable(weir_json *json, const weir_error *err, weir_str remote)
{
    weir_json_member_text(json, "error", weir_err_word(err->code));
    weir_json_member_text(json, "errorMessage", err->message);
    weir_json_member_text(json, "errorClass", weir_err_class(err->code));
    weir_json_key(json, WEIR_STR("host"));
    if (err->code == WEIR_ERR_BAD_JSON || remote.size == 0) {
        weir_json_null(json);
    } else {
        weir_json_str(json, remote);
    }
}

static void legacy(weir_json *json, const weir_error *err)
{
    weir_json_member_text(json, "error", weir_err_word(err->code));
    weir_json_member_text(json, "errorClass", weir_err_class(err->code));
    weir_json_member_null(json, "host");
    weir_json_member_text(json, "errorCode", "legacyQueryException");
    weir_json_member_text(json, "persona", "OPERATOR");
    weir_json_member_text(json, "category", category_of(err->code));
    weir_json_member_text(json, "errorMessage", err->message);
    weir_json_key(json, WEIR_STR("context"));
    weir_json_begin_object(json);
    weir_json_member_null(json, "host");
    weir_json_member_text(json, "errorClass", weir_err_class(err->code));
    weir_json_member_text(json, "legacyErrorCode", weir_err_word(err->code));
    weir_json_end_object(json);
}

void weir_error_body(const weir_error *err, weir_str remote, weir_buf *out)
{
    weir_json json = {.out = out};
    weir_json_begin_object(&json);
    if (err->code == WEIR_ERR_BAD_REQUEST || err->code == WEIR_ERR_NOT_FOUND || err->code == WEIR_ERR_EXISTS ||
        err->code == WEIR_ERR_CONFLICT) {
        druid_exception(&json, err);
    } else if (err->code == WEIR_ERR_BAD_JSON || err->code == WEIR_ERR_BAD_QUERY) {
        unreadable(&json, err, remote);
    } else {
        legacy(&json, err);
    }
    weir_json_end_object(&json);
}
