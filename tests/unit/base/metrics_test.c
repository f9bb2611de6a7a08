// SPDX-License-Identifier: Apache-2.0
/* Metrics: what a line holds, and what the next one holds. */

#include "base/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/squib-metrics-XXXXXX";

/* The file's last line. */
static const char *last_line(void)
{
    static char text[65536];
    FILE *f = fopen(path, "r");
    size_t len = fread(text, 1, sizeof(text) - 1, f);
    char *end;

    fclose(f);
    text[len] = 0;
    end = strrchr(text, '\n');
    if (!end)
        return "";
    *end = 0;
    end = strrchr(text, '\n');
    return end ? end + 1 : text;
}

static void counters_are_differences_and_stores_are_not(void **state)
{
    (void)state;
    metric_add(&metrics.uart.write_count, 5);
    metric_set(&metrics.latencies_us.pause_vm, 7);
    assert_int_equal(metrics_flush(), 0);
    assert_non_null(strstr(last_line(), "\"write_count\":5,"));
    assert_non_null(strstr(last_line(), "\"pause_vm\":7,"));
    metric_add(&metrics.uart.write_count, 2);
    assert_int_equal(metrics_flush(), 0);
    assert_non_null(strstr(last_line(), "\"write_count\":2,"));
    assert_non_null(strstr(last_line(), "\"pause_vm\":7,"));
}

static void an_aggregate_has_its_extremes_and_its_sum(void **state)
{
    (void)state;
    metric_agg_add(&metrics.vcpu.exit_mmio_read_agg, 5);
    metric_agg_add(&metrics.vcpu.exit_mmio_read_agg, 2);
    metric_agg_add(&metrics.vcpu.exit_mmio_read_agg, 9);
    metrics_flush();
    assert_non_null(strstr(last_line(),
                           "\"exit_mmio_read_agg\":{\"min_us\":2,\"max_us\":9,"
                           "\"sum_us\":16}"));
}

static void devices_are_printed_before_their_sum(void **state)
{
    struct block_metrics a = {0}, b = {0};
    struct metric_device da = {METRIC_DEVICES_block, "a", &a, NULL};
    struct metric_device db = {METRIC_DEVICES_block, "b", &b, NULL};
    const char *line, *sum;

    (void)state;
    metrics_add_device(&da);
    metrics_add_device(&db);
    metric_add(&a.read_bytes, 10);
    metric_add(&b.read_bytes, 20);
    metric_agg_add(&b.read_agg, 3);
    metrics_flush();
    line = last_line();
    sum = strstr(line, "\"block\":{");
    assert_true(strstr(line, "\"block_a\":{") < strstr(line, "\"block_b\":{"));
    assert_true(strstr(line, "\"block_b\":{") < sum);
    assert_non_null(strstr(sum, "\"read_bytes\":30,"));
    assert_non_null(
        strstr(sum, "\"read_agg\":{\"min_us\":0,\"max_us\":0,\"sum_us\":3}"));
    metrics_remove_device(&da);
    metrics_remove_device(&db);
    metrics_flush();
    assert_null(strstr(last_line(), "block_a"));
    assert_null(strstr(last_line(), "vhost_user_block"));
}

static void a_signal_writes_a_line_as_well(void **state)
{
    (void)state;
    metric_add(&metrics.uart.read_count, 11);
    metrics_flush_fatal();
    assert_non_null(strstr(last_line(), "\"read_count\":11,"));
}

static void a_second_sink_is_refused(void **state)
{
    struct err e;

    (void)state;
    assert_true(metrics_open("/dev/null", NULL, NULL, &e) < 0);
    assert_non_null(strstr(e.text, "Reinitialization of metrics not allowed."));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_are_differences_and_stores_are_not),
        cmocka_unit_test(an_aggregate_has_its_extremes_and_its_sum),
        cmocka_unit_test(devices_are_printed_before_their_sum),
        cmocka_unit_test(a_signal_writes_a_line_as_well),
        cmocka_unit_test(a_second_sink_is_refused),
    };
    struct err e;
    int fd = mkstemp(path), rc;

    if (fd < 0)
        return 1;
    close(fd);
    if (metrics_flush() != 0 ||
        metrics_open(path, "id", "{\"a\":\"b\"}", &e) < 0)
        return 1;
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return rc;
}
