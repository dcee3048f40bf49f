#pragma once
#include <librdkafka/rdkafka.h>
// The cluster that tests run against, in a process of its own.
#include <librdkafka/rdkafka_mock.h>

/// A header of a record: the name ends with a zero byte, the value is `size` bytes.
typedef struct {
    const char *name;
    const void *value;
    size_t size;
} RefoldKafkaHeader;

/// Puts a copy of a record into the producer's queue. `rd_kafka_produceva` takes an array of values whose union has
/// members without a type's name, which Swift cannot fill in.
static inline rd_kafka_resp_err_t refold_kafka_produce(
    rd_kafka_t *client, rd_kafka_topic_t *topic, int32_t partition, const void *key, size_t key_size, const void *value,
    size_t value_size, const RefoldKafkaHeader *headers, size_t header_count, void *opaque)
{
    rd_kafka_vu_t values[7];
    rd_kafka_headers_t *list = rd_kafka_headers_new(header_count);
    for (size_t i = 0; i < header_count; i++) {
        rd_kafka_header_add(list, headers[i].name, -1, headers[i].value, (ssize_t)headers[i].size);
    }
    values[0].vtype = RD_KAFKA_VTYPE_RKT;
    values[0].u.rkt = topic;
    values[1].vtype = RD_KAFKA_VTYPE_PARTITION;
    values[1].u.i32 = partition;
    values[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    values[2].u.i = RD_KAFKA_MSG_F_COPY;
    values[3].vtype = RD_KAFKA_VTYPE_VALUE;
    values[3].u.mem.ptr = (void *)value;
    values[3].u.mem.size = value_size;
    values[4].vtype = RD_KAFKA_VTYPE_KEY;
    values[4].u.mem.ptr = (void *)key;
    values[4].u.mem.size = key_size;
    values[5].vtype = RD_KAFKA_VTYPE_OPAQUE;
    values[5].u.ptr = opaque;
    values[6].vtype = RD_KAFKA_VTYPE_HEADERS;
    values[6].u.headers = list;
    rd_kafka_error_t *error = rd_kafka_produceva(client, values, 7);
    if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    // The producer owns the list only when it has taken the record.
    rd_kafka_headers_destroy(list);
    return code;
}
