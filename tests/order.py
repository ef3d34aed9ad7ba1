"""The order in which the files of all tests begin, so that a machine with few cores neither idles nor waits for the last one.

The longest first, those that mostly wait for pods and those that mostly compute by turns. No test has the machine to
itself: one that compares times does so within one run, in several rounds, and one that loads it does so at a bounded rate.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

SECONDS: Mapping[str, int] = {
    "tests/cluster/test_ownership.py": 520,
    "tests/e2e/test_documented_commands.py": 420,
    "tests/unit/runtime/gateway/test_unpacking.py": 340,
    "tests/e2e/test_changes.py": 280,
    "tests/e2e/test_streams.py": 270,
    "tests/e2e/test_full_volumes.py": 260,
    "tests/e2e/test_stream_programs.py": 180,
    "tests/e2e/test_interrupted.py": 260,
    "tests/cluster/test_conformance.py": 250,
    "tests/cluster/test_stored_form.py": 250,
    "tests/cluster/test_delivery.py": 240,
    "tests/e2e/test_attacks.py": 240,
    "tests/e2e/test_watching.py": 240,
    "tests/e2e/test_worker.py": 240,
    "tests/e2e/test_elastic.py": 220,
    "tests/e2e/test_load_balancers.py": 150,
    "tests/e2e/test_tls_routes.py": 150,
    "tests/unit/examples/test_patterns.py": 170,
    "tests/e2e/test_pods_that_do_not_start.py": 220,
    "tests/e2e/test_query.py": 260,
    "tests/unit/components/test_alerts.py": 210,
    "tests/cluster/test_provisioner.py": 200,
    "tests/e2e/test_alerts_fire.py": 190,
    "tests/e2e/test_gateway_deployed.py": 180,
    "tests/unit/runtime/exporter/test_exporter.py": 180,
    "tests/e2e/test_probe.py": 170,
    "tests/unit/runtime/probe/test_program.py": 170,
    "tests/unit/runtime/gateway/test_streams.py": 160,
    "tests/e2e/test_dashboards.py": 140,
    "tests/e2e/test_durability.py": 140,
    "tests/unit/settings/test_schema.py": 140,
    "tests/unit/runtime/gateway/test_bounds.py": 130,
    "tests/unit/runtime/test_mechanisms.py": 130,
    "tests/e2e/test_connect.py": 120,
    "tests/e2e/test_keda_runs.py": 120,
    "tests/e2e/test_stream_state.py": 200,
    "tests/e2e/test_object_store.py": 120,
    "tests/e2e/test_review.py": 120,
    "tests/e2e/test_takeover.py": 120,
    "tests/unit/connect/test_iceberg.py": 120,
    "tests/unit/runtime/gateway/test_logins.py": 120,
    "tests/unit/settings/test_mutations.py": 120,
    "tests/e2e/test_documented_runbooks.py": 110,
    "tests/e2e/test_edge.py": 110,
    "tests/e2e/test_languages.py": 110,
    "tests/e2e/test_stream_schemas.py": 140,
    "tests/unit/connect/test_process.py": 110,
    "tests/unit/runtime/connectors/test_rabbitmq.py": 110,
    "tests/unit/runtime/gateway/test_killed.py": 110,
    "tests/e2e/test_broker_certificate.py": 100,
    "tests/e2e/test_gateway_loss.py": 100,
    "tests/e2e/test_render.py": 100,
    "tests/e2e/test_example_sensors.py": 90,
    "tests/unit/registry/test_http_formats.py": 90,
    "tests/unit/runtime/gateway/test_consumers_pods.py": 90,
    "tests/unit/examples/test_sensors_kafka.py": 80,
    "tests/unit/runtime/gateway/test_consumers_rights.py": 80,
    "tests/unit/runtime/test_adoption.py": 80,
    "tests/cluster/test_sandbox_down.py": 70,
    "tests/cluster/test_strimzi_lifecycle.py": 70,
    "tests/e2e/test_access.py": 70,
    "tests/e2e/test_network.py": 70,
    "tests/e2e/test_registry.py": 70,
    "tests/unit/runtime/gateway/test_reads.py": 70,
    "tests/e2e/test_connectors.py": 60,
    "tests/e2e/test_metrics.py": 60,
    "tests/unit/connect/test_avro.py": 60,
    "tests/unit/connect/test_formats.py": 60,
    "tests/unit/connect/test_mariadb.py": 60,
    "tests/unit/connect/test_restarts.py": 60,
    "tests/unit/runtime/exporter/test_certificates.py": 60,
    "tests/unit/runtime/gateway/test_consumers.py": 60,
    "tests/cluster/test_strimzi_stacks.py": 50,
    "tests/e2e/test_gateway_tenants.py": 50,
    "tests/e2e/test_logs.py": 50,
    "tests/unit/registry/test_registrar.py": 50,
    "tests/unit/runtime/connectors/test_cassandra_sink.py": 50,
    "tests/unit/runtime/connectors/test_hdfs_sink.py": 50,
    "tests/unit/runtime/connectors/test_s3.py": 50,
    "tests/unit/runtime/connectors/test_search_sink.py": 50,
    "tests/unit/runtime/connectors/test_tls.py": 40,
    "tests/unit/runtime/gateway/test_bearer.py": 40,
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
