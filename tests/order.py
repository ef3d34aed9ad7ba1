"""The order in which the files of all tests begin, so that a machine with few cores neither idles nor waits for the last one.

The longest first, those that mostly wait for pods and those that mostly compute by turns. No test has the machine to
itself: one that compares times does so within one run, in several rounds, and one that loads it does so at a bounded rate.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

SECONDS: Mapping[str, int] = {
    "tests/e2e/test_durability.py": 220,
    "tests/e2e/test_pods_that_do_not_start.py": 370,
    "tests/e2e/test_documented_commands.py": 240,
    "tests/e2e/test_gateway_loss.py": 120,
    "tests/e2e/test_gateway_deployed.py": 190,
    "tests/e2e/test_attacks.py": 190,
    "tests/e2e/test_languages.py": 300,
    "tests/e2e/test_elastic.py": 340,
    "tests/cluster/test_stored_form.py": 150,
    "tests/e2e/test_interrupted.py": 220,
    "tests/e2e/test_changes.py": 170,
    "tests/e2e/test_probe.py": 180,
    "tests/e2e/test_worker.py": 240,
    "tests/e2e/test_render.py": 130,
    "tests/e2e/test_full_volumes.py": 160,
    "tests/e2e/test_alerts_fire.py": 200,
    "tests/cluster/test_ownership.py": 170,
    "tests/e2e/test_keda_runs.py": 160,
    "tests/e2e/test_dashboards.py": 150,
    "tests/e2e/test_metrics.py": 150,
    "tests/e2e/test_watching.py": 300,
    "tests/cluster/test_conformance.py": 140,
    "tests/cluster/test_provisioner.py": 120,
    "tests/e2e/test_example_sensors.py": 110,
    "tests/e2e/test_takeover.py": 90,
    "tests/cluster/test_delivery.py": 110,
    "tests/e2e/test_review.py": 90,
    "tests/e2e/test_network.py": 80,
    "tests/cluster/test_sandbox_down.py": 70,
    "tests/e2e/test_access.py": 60,
    "tests/e2e/test_gateway_tenants.py": 60,
    "tests/e2e/test_registry.py": 140,
    "tests/e2e/test_query.py": 130,
    "tests/e2e/test_connect.py": 130,
    "tests/e2e/test_broker_certificate.py": 120,
    "tests/unit/registry/test_http_formats.py": 60,
    "tests/cluster/test_strimzi_lifecycle.py": 50,
    "tests/unit/runtime/gateway/test_killed.py": 130,
    "tests/unit/runtime/gateway/test_bounds.py": 120,
    "tests/unit/connect/test_iceberg.py": 180,
    "tests/unit/connect/test_process.py": 110,
    "tests/unit/connect/test_restarts.py": 150,
    "tests/unit/connect/test_avro.py": 55,
    "tests/unit/connect/test_mariadb.py": 60,
    "tests/unit/runtime/probe/test_program.py": 110,
    "tests/unit/examples/test_sensors_kafka.py": 100,
    "tests/unit/runtime/gateway/test_logins.py": 90,
    "tests/unit/runtime/gateway/test_streams.py": 80,
    "tests/unit/runtime/gateway/test_unpacking.py": 70,
    "tests/unit/runtime/gateway/test_consumers_pods.py": 60,
    "tests/unit/runtime/test_mechanisms.py": 60,
    "tests/unit/runtime/gateway/test_consumers.py": 40,
    "tests/unit/runtime/exporter/test_certificates.py": 45,
    "tests/unit/runtime/test_renewal.py": 40,
    "tests/unit/runtime/connectors/test_http_sink.py": 60,
    "tests/unit/runtime/connectors/test_mqtt_source.py": 35,
    "tests/unit/runtime/connectors/test_rabbitmq.py": 80,
    "tests/unit/runtime/connectors/test_tls.py": 50,
    "tests/unit/runtime/connectors/test_search_sink.py": 40,
    "tests/unit/runtime/connectors/test_s3.py": 40,
    "tests/unit/runtime/connectors/test_s3_rights.py": 30,
    "tests/unit/runtime/connectors/test_hdfs_sink.py": 90,
    "tests/unit/runtime/connectors/test_cassandra_sink.py": 110,
}
"""About how long a file takes (`--durations=0` tells); a wrong number costs some time and breaks nothing."""
OTHERWISE = 15
"""Seconds of a file that is not listed."""


def ordered(files: Iterable[str]) -> list[str]:
    """Files of tests, paths relative to the repository and each once, in the order in which they should begin."""
    longest_first = sorted(files, key=lambda file: (-SECONDS.get(file, OTHERWISE), file))
    computing = [file for file in longest_first if file.startswith("tests/unit/")]
    waiting = [file for file in longest_first if not file.startswith("tests/unit/")]
    return list(_by_turns(computing, waiting))


def _by_turns(*queues: Sequence[str]) -> Iterator[str]:
    """Takes from the queue of which the smallest share of the time is handed out yet."""
    wholes = [sum(SECONDS.get(file, OTHERWISE) for file in queue) for queue in queues]
    begun = [0] * len(queues)
    ways = [iter(queue) for queue in queues]
    for _ in range(sum(map(len, queues))):
        _, turn = min((begun[each] / wholes[each], each) for each in range(len(queues)) if begun[each] < wholes[each])
        file = next(ways[turn])
        begun[turn] += SECONDS.get(file, OTHERWISE)
        yield file
