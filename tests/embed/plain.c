/* A C program's use of the table: strict C11, no Python. The functions are called by the test. */
#include "mvcore/capi.h"

#include <string.h>

_Static_assert(MVCORE_NO_TIME == INT64_MIN, "no time is the smallest time");

int plain_version(const mvcore_capi* api) {
    return api->version == MVCORE_CAPI_VERSION && api->size == sizeof *api;
}

/* Ticks the instrument by its name, then writes the account's value as text. */
int plain_value(const mvcore_capi* api, mvcore_book* book, const char* instrument,
                const char* price, const char* account, char* text, uint64_t* epoch) {
    mvcore_error error;
    mvcore_decimal number;
    mvcore_valuation valuation;
    int kind = api->parse_decimal(price, strlen(price), &number, &error);
    if (kind == MVCORE_OK)
        kind = api->tick_named(book, instrument, strlen(instrument), number, MVCORE_NO_TIME, 1,
                               epoch, &error);
    if (kind == MVCORE_OK)
        kind = api->value(book, account, strlen(account), NULL, 0, 1, &valuation, &error);
    if (kind != MVCORE_OK) {
        memcpy(text, error.text, sizeof error.text);
        return kind;
    }
    text[api->format_decimal(valuation.current, text)] = '\0';
    *epoch = valuation.epoch;
    return kind;
}

int plain_doubles(const mvcore_capi* api, mvcore_book* book, const int32_t* codes,
                  const double* prices, const int64_t* times, size_t count, uint64_t* epoch) {
    mvcore_error error;
    return api->ticks_double(book, codes, prices, times, count, epoch, &error);
}
