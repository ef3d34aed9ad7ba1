"""The conformance table: what a preview says about each change, and how resources that cannot be made are refused."""

from typing import Any

from tests.cluster.conformance.kinds import (
    NEVER_READY,
    config_map,
    deployment,
    job,
    pod,
    resource,
    secret,
    service,
    stateful_set,
    template,
    widget,
    widget_definition,
)
from tests.cluster.conformance.model import Case, Options, Provider, Refusal, Resource

NEVER = "jsonpath={.status.phase}=Done"
RANDOM = "random:index/random"
RANDOM_KINDS: list[tuple[str, str, dict[str, Any]]] = [
    ("string", "String", {"length": 8, "special": False, "upper": False}),
    ("id", "Id", {"byteLength": 16}),
    ("uuid", "Uuid", {}),
    ("bytes", "Bytes", {"length": 16}),
    ("integer", "Integer", {"min": 5, "max": 6}),
    ("shuffle", "Shuffle", {"inputs": ["a", "b", "c"], "resultCount": 2}),
    ("pet", "Pet", {"length": 2}),
]

CASES = [
    # Data of ConfigMaps and Secrets
    Case(
        name="config-map-named",
        first=config_map({"kept": "1", "orders": "a"}, metadata={"name": "named"}),
        second=config_map({"kept": "1", "orders": "b"}, metadata={"name": "named"}),
        operation="replace",
        changes={"data.orders": "update-replace"},
        deletes_first=True,
    ),
    Case(
        name="config-map-autonamed",
        first=config_map({"orders": "a"}),
        second=config_map({"orders": "b"}),
        operation="replace",
        changes={"data.orders": "update-replace"},
        deletes_first=False,
    ),
    Case(
        name="config-map-mutable",
        first=config_map({"kept": "1", "changed": "a", "removed": "x"}, Provider.MUTABLE),
        second=config_map({"kept": "1", "changed": "b", "added.with.dots": "y"}, Provider.MUTABLE),
        operation="update",
        changes={"data.changed": "update", "data.removed": "delete", 'data["added.with.dots"]': "add"},
    ),
    Case(
        name="config-map-immutable",
        first=config_map({"a": "1"}, Provider.MUTABLE, immutable=True),
        second=config_map({"a": "2"}, Provider.MUTABLE, immutable=True),
        operation="replace",
        changes={"data.a": "update-replace"},
        deletes_first=False,
    ),
    Case(
        name="config-map-secret-value",
        first=config_map({"open": "shown", "hidden": {"$secret": "hunter2"}}),
    ),
    Case(
        name="secret-string-data",
        first=secret(stringData={"password": "hunter2"}),
        second=secret(stringData={"password": "hunter3"}),
        operation="replace",
        changes={"data.password": "update-replace"},
        deletes_first=False,
    ),
    Case(
        name="secret-mutable",
        first=secret(Provider.MUTABLE, data={"password": "aHVudGVyMg=="}),
        second=secret(Provider.MUTABLE, data={"password": "aHVudGVyMw=="}),
        operation="update",
        changes={"data.password": "update"},
    ),
    Case(
        name="secret-type",
        first=secret(type="Opaque", stringData={"a": "hunter2"}),
        second=secret(type="kafka-platform.dev/x", stringData={"a": "hunter2"}),
        operation="replace",
        changes={"type": "update-replace"},
        deletes_first=False,
    ),
    # Identity
    Case(
        name="renamed",
        first=config_map({}, metadata={"name": "before"}),
        second=config_map({}, metadata={"name": "after"}),
        operation="replace",
        changes={"metadata.name": "update-replace"},
        deletes_first=False,
    ),
    Case(
        name="moved",
        first=config_map({}, metadata={"name": "moved-{namespace}"}),
        second=config_map({}, metadata={"name": "moved-{namespace}", "namespace": "default"}),
        operation="replace",
        changes={"metadata.namespace": "update-replace"},
        deletes_first=False,
    ),
    Case(
        name="labelled",
        first=config_map({}, metadata={"labels": {"app": "a"}}),
        second=config_map({}, metadata={"labels": {"app": "b", "team": "x"}}),
        operation="update",
        changes={"metadata.labels.app": "update", "metadata.labels.team": "add"},
    ),
    Case(
        name="ignored",
        first=config_map({"mine": "1", "theirs": "1"}, Provider.MUTABLE, Options(ignore_changes=["data.theirs"])),
        second=config_map({"mine": "2", "theirs": "2"}, Provider.MUTABLE, Options(ignore_changes=["data.theirs"])),
        operation="update",
        changes={"data.mine": "update"},
    ),
    # Fields that cannot change
    Case(
        name="service-cluster-ip",
        first=service(clusterIP="None", selector={"app": "x"}),
        second=service(selector={"no": "pods"}),
        operation="replace",
        changes={"spec.clusterIP": "delete-replace", "spec.selector.app": "delete", "spec.selector.no": "add"},
        deletes_first=False,
    ),
    Case(
        name="service-port",
        first=service(ports=[{"name": "a", "port": 80}]),
        second=service(ports=[{"name": "a", "port": 80}, {"name": "b", "port": 82}]),
        operation="update",
        changes={"spec.ports[1]": "add"},
    ),
    Case(name="service-external-name", first=service(type="ExternalName", externalName="example.com")),
    Case(
        name="deployment-selector",
        first=deployment({"app": "a"}),
        second=deployment({"app": "b"}),
        operation="replace",
        changes={"spec.selector.matchLabels.app": "update-replace", "spec.template.metadata.labels.app": "update"},
        deletes_first=False,
    ),
    Case(
        name="deployment-quantity",
        first=deployment({"app": "q"}, resources={"requests": {"cpu": "1000m", "memory": "1024Mi"}}),
        second=deployment({"app": "q"}, resources={"requests": {"cpu": 1, "memory": "1Gi"}}),
    ),
    Case(
        name="deployment-template",
        first=deployment({"app": "t"}, env=[{"name": "A", "value": "1"}]),
        second=deployment({"app": "t"}, env=[{"name": "A", "value": "2"}]),
        operation="update",
        changes={"spec.template.spec.containers[0].env[0].value": "update"},
    ),
    Case(
        name="stateful-set-template",
        first=stateful_set({"app": "s"}, version="1"),
        second=stateful_set({"app": "s"}, version="2"),
        operation="update",
        changes={"spec.template.metadata.annotations.version": "update"},
    ),
    Case(
        name="stateful-set-policy",
        first=stateful_set({"app": "p"}, podManagementPolicy="OrderedReady"),
        second=stateful_set({"app": "p"}, podManagementPolicy="Parallel"),
        operation="replace",
        changes={"spec.podManagementPolicy": "update-replace"},
        deletes_first=False,
    ),
    Case(
        name="job-template",
        first=job("true", suspend=True, annotations={"pulumi.com/skipAwait": "true"}),
        second=job("false", suspend=True, annotations={"pulumi.com/skipAwait": "true"}),
        operation="replace",
        changes={"spec.template.spec.containers[0].command[2]": "update-replace"},
        deletes_first=False,
    ),
    Case(
        name="pod-scheduling",
        first=pod("true", annotations={"pulumi.com/skipAwait": "true"}, nodeSelector={"no": "a"}),
        second=pod("true", annotations={"pulumi.com/skipAwait": "true"}, nodeSelector={"no": "b"}),
        operation="replace",
        changes={"spec.nodeSelector.no": "update-replace"},
        deletes_first=False,
    ),
    Case(
        name="claim-access",
        first=resource(
            "core/v1:PersistentVolumeClaim",
            {
                "metadata": {"annotations": {"pulumi.com/skipAwait": "true"}},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
            },
        ),
        second=resource(
            "core/v1:PersistentVolumeClaim",
            {
                "metadata": {"annotations": {"pulumi.com/skipAwait": "true"}},
                "spec": {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}},
            },
        ),
        operation="replace",
        changes={"spec.accessModes[0]": "update-replace"},
        deletes_first=False,
    ),
    Case(
        name="storage-class",
        first=resource("storage.k8s.io/v1:StorageClass", {"provisioner": "a.example.com"}),
        second=resource("storage.k8s.io/v1:StorageClass", {"provisioner": "b.example.com"}),
        operation="replace",
        changes={"provisioner": "update-replace"},
        deletes_first=False,
    ),
    Case(
        name="role-binding",
        first=resource(
            "rbac.authorization.k8s.io/v1:RoleBinding",
            {
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "a"},
                "subjects": [{"kind": "ServiceAccount", "name": "x", "namespace": "{namespace}"}],
            },
        ),
        second=resource(
            "rbac.authorization.k8s.io/v1:RoleBinding",
            {
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "b"},
                "subjects": [{"kind": "ServiceAccount", "name": "x", "namespace": "{namespace}"}],
            },
        ),
        operation="replace",
        changes={"roleRef.name": "update-replace"},
        deletes_first=False,
    ),
    # What stays as it is shows nothing, whatever the cluster fills in
    Case(name="service-account", first=resource("core/v1:ServiceAccount", {})),
    Case(
        name="network-policy",
        first=resource(
            "networking.k8s.io/v1:NetworkPolicy",
            {"spec": {"podSelector": {}, "ingress": [{"ports": [{"port": 9092}]}], "policyTypes": ["Ingress"]}},
        ),
    ),
    Case(
        name="disruption-budget",
        first=resource(
            "policy/v1:PodDisruptionBudget", {"spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"a": "b"}}}}
        ),
        second=resource(
            "policy/v1:PodDisruptionBudget", {"spec": {"maxUnavailable": 2, "selector": {"matchLabels": {"a": "b"}}}}
        ),
        operation="update",
        changes={"spec.maxUnavailable": "update"},
    ),
    Case(
        name="quota",
        first=resource(
            "core/v1:ResourceQuota", {"spec": {"hard": {"configmaps": "1000", "requests.storage": "1024Gi"}}}
        ),
    ),
    Case(
        name="ingress-unawaited",
        first=resource(
            "networking.k8s.io/v1:Ingress",
            {
                "metadata": {"annotations": {"pulumi.com/skipAwait": "true"}},
                "spec": {"defaultBackend": {"service": {"name": "none", "port": {"number": 80}}}},
            },
        ),
    ),
    Case(
        name="deployment-unawaited",
        first=deployment(
            {"app": "u"},
            replicas=1,
            image="none",
            imagePullPolicy="Never",
            annotations={"pulumi.com/skipAwait": "true"},
        ),
    ),
    # Custom resources: their kind is made in the same run
    Case(
        name="definition",
        first=widget_definition(),
        second=widget_definition(column="Size"),
        operation="update",
        changes={"spec.versions[0].additionalPrinterColumns": "add"},
    ),
    Case(
        name="custom",
        first=widget(1),
        second=widget(2),
        operation="update",
        changes={"spec.size": "update"},
    ),
    # Patches of somebody else's object (the test makes it)
    Case(
        name="patch",
        first=resource("core/v1:ConfigMapPatch", {"metadata": {"name": "theirs"}, "data": {"ours": "1"}}),
        second=resource("core/v1:ConfigMapPatch", {"metadata": {"name": "theirs"}, "data": {"ours": "2"}}),
        operation="update",
        changes={"data.ours": "update"},
    ),
    Case(
        name="forced",
        first=config_map({"a": "1"}, Provider.MUTABLE, metadata={"annotations": {"pulumi.com/patchForce": "true"}}),
    ),
    Case(name="upserted", first=config_map({"ours": "1"}, Provider.UPSERT, metadata={"name": "existing"})),
    Case(
        name="field-manager",
        first=config_map({"a": "1"}, Provider.MUTABLE),
        second=config_map(
            {"a": "1"}, Provider.MUTABLE, metadata={"annotations": {"pulumi.com/patchFieldManager": "me"}}
        ),
        operation="update",
        changes={'metadata.annotations["pulumi.com/patchFieldManager"]': "add"},
    ),
    Case(name="retained", first=config_map({}, options=Options(retain_on_delete=True), metadata={"name": "retained"})),
    # Random values
    Case(
        name="password",
        first=Resource(
            token=f"{RANDOM}Password:RandomPassword",
            properties={
                "length": 24,
                "minSpecial": 3,
                "minUpper": 3,
                "overrideSpecial": "-",
                "keepers": {"version": "1"},
            },
            provider=Provider.RANDOM,
        ),
        second=Resource(
            token=f"{RANDOM}Password:RandomPassword",
            properties={
                "length": 24,
                "minSpecial": 3,
                "minUpper": 3,
                "overrideSpecial": "-",
                "keepers": {"version": "2"},
            },
            provider=Provider.RANDOM,
        ),
        operation="replace",
        deletes_first=False,
    ),
    *(
        Case(name=name, first=Resource(token=f"{RANDOM}{kind}:Random{kind}", properties=rest, provider=Provider.RANDOM))
        for name, kind, rest in RANDOM_KINDS
    ),
]

REFUSALS = [
    Refusal(
        name="exists",
        resource=config_map({}, metadata={"name": "existing"}),
        says=["already exists", "pulumi import", "upsertExistingObjects"],
    ),
    Refusal(
        name="invalid",
        resource=config_map({"not allowed": "x"}),
        says=["not successfully created", "data[not allowed]", "a valid config key"],
    ),
    Refusal(
        name="unknown-kind",
        resource=resource("{namespace}.kafka-platform.dev/v1:Missing", {"spec": {}}),
        says=["the apiVersion for this resource does not exist", "CRDs"],
    ),
    Refusal(
        name="no-namespace",
        resource=config_map({}, metadata={"namespace": "conformance-missing"}),
        says=['namespaces "conformance-missing" not found'],
    ),
    Refusal(
        name="conflict",
        resource=resource("core/v1:ConfigMapPatch", {"metadata": {"name": "theirs"}, "data": {"a": "ours"}}),
        says=["conflict", "them", ".data.a"],
    ),
    Refusal(
        name="condition",
        resource=widget(1, annotations={"pulumi.com/waitFor": "condition=Ready", "pulumi.com/timeoutSeconds": "3"}),
        says=["was successfully created", "failed to fully initialize"],
        exists=True,
    ),
    Refusal(
        name="path",
        resource=widget(
            1, annotations={"pulumi.com/waitFor": f'["condition=Made", "{NEVER}"]'}, options=Options(timeout="3s")
        ),
        says=["was successfully created"],
        exists=True,
    ),
    Refusal(
        name="claim-unbound",
        resource=resource(
            "core/v1:PersistentVolumeClaim",
            {
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "storageClassName": "conformance-missing",
                    "resources": {"requests": {"storage": "1Gi"}},
                },
            },
            options=Options(timeout="3s"),
        ),
        says=["was successfully created"],
        exists=True,
    ),
    # With real pods: the reason is the pod's own
    Refusal(
        name="job-fails",
        resource=job(
            "echo topic orders: 5 replicas on 3 brokers > /dev/termination-log; exit 3",
            annotations={"pulumi.com/replaceUnready": "true"},
        ),
        says=["topic orders: 5 replicas on 3 brokers"],
        exists=True,
        pods=True,
    ),
    Refusal(
        name="image-missing",
        resource=deployment({"app": "i"}, Options(timeout="6s"), replicas=1, image="none", imagePullPolicy="Never"),
        says=["ErrImageNeverPull"],
        exists=True,
        pods=True,
    ),
    Refusal(
        name="crashes",
        resource=pod("echo why it died > /dev/termination-log; exit 7", Options(timeout="8s"), container=NEVER_READY),
        says=["why it died"],
        exists=True,
        pods=True,
    ),
    Refusal(
        name="unschedulable",
        resource=pod("true", Options(timeout="4s"), nodeSelector={"no": "such"}),
        says=["node affinity/selector"],
        exists=True,
        pods=True,
    ),
    Refusal(
        name="stateful-set-unready",
        resource=resource(
            "apps/v1:StatefulSet",
            {
                "spec": {
                    "replicas": 1,
                    "serviceName": "none",
                    "selector": {"matchLabels": {"app": "n"}},
                    "template": template({"app": "n"}, "exit 9", **NEVER_READY),
                }
            },
            options=Options(timeout="6s"),
        ),
        says=["9"],
        exists=True,
        pods=True,
    ),
]

READY = {
    # With real pods: what becomes ready is waited for
    "deployment": deployment({"app": "ready"}, replicas=2),
    "service": service(selector={"app": "ready"}),
    "job": job("true"),
    "pod": pod("sleep 1000"),
    "daemon": resource(
        "apps/v1:DaemonSet",
        {"spec": {"selector": {"matchLabels": {"app": "d"}}, "template": template({"app": "d"})}},
    ),
    "stateful": stateful_set({"app": "f"}, replicas=1),
}
