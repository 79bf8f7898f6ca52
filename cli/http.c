/* cli/http.c - one blocking request, by libcurl. */
#include "cli/cli.h"
#include <curl/curl.h>
#include <stdio.h>

static size_t on_bytes(char *bytes, size_t one, size_t size, void *out)
{
    weir_buf_put(out, bytes, one * size);
    return one * size;
}

bool weir_http_call(const char *url, const char *method, const char *path, weir_str body, int *status, weir_buf *out, weir_error *err)
{
    char full[2000], why[CURL_ERROR_SIZE] = "";
    size_t url_size = strlen(url);
    while (url_size > 0 && url[url_size - 1] == '/') {
        url_size--;
    }
    if ((size_t)snprintf(full, sizeof(full), "%.*s%s", (int)url_size, url, path) >= sizeof(full)) {
        return weir_fail(err, WEIR_ERR_BAD_REQUEST, "the URL is too long: %.80s...", url);
    }
    CURL *curl = curl_easy_init();
    if (!curl) {
        return weir_fail(err, WEIR_ERR_INTERNAL, "libcurl does not start");
    }
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    curl_easy_setopt(curl, CURLOPT_URL, full);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "127.0.0.1,localhost,::1");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    if (body.size > 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.at);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size);
    }
    CURLcode code = curl_easy_perform(curl);
    long http_status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http_status);
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    *status = (int)http_status;
    return code == CURLE_OK || weir_fail(err, WEIR_ERR_BAD_REQUEST, "%s: %s", full, why[0] ? why : curl_easy_strerror(code));
}
