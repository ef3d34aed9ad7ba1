"""The schemas of a registry."""

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field

import pulumi

from kafka_platform.args import Args
from kafka_platform.kube.images import RUNTIME_IMAGE
from kafka_platform.kube.place import place_all
from kafka_platform.kube.pod_settings import UNDECIDED, PodSettings
from kafka_platform.schemas.objects import SchemaSettings, objects
from kafka_platform.schemas.spec import Compatibility, Subject, check_subject
from kafka_platform.values.checks import check_field, check_login_url, check_url
from kafka_platform.values.forms import named, names
from kafka_platform.values.names import check_label, check_service_name, check_subdomain


@dataclass(frozen=True, kw_only=True)
class SchemaSubjectsArgs(Args):
    """Arguments of a `SchemaSubjects`: the schemas to register."""

    url: pulumi.Input[str] = named(check_url, default=MISSING)
    """Where the registry's API is, such as the `url` of a `SchemaRegistry`: that of Confluent's clients."""
    namespace: pulumi.Input[str] = named(check_label, "namespace", default=MISSING)
    """Namespace of the Job, and of the Secrets named here."""
    secret: pulumi.Input[str] | None = named(check_subdomain, "Secret name")
    """Secret with the keys `username` and `password` of a user that may register everything, such as the `admin_secret` of
    a `SchemaRegistry`. Default: no login."""
    ca_secret: pulumi.Input[str] | None = named(check_subdomain, "Secret name")
    """Secret whose key `ca.crt` is the authority of the registry's certificate. Default: public authorities."""
    subjects: Mapping[str, Subject] = field(default_factory=dict)
    """Schemas by subject; Confluent's clients look for those of a topic at `<topic>-key` and `<topic>-value`. One that is taken
    out stays in the registry."""
    compatibility: Compatibility = Compatibility.BACKWARD
    """What new versions must be able to do with records of older ones, where a subject does not say otherwise. Default: backward."""
    removed_subjects: Sequence[str] = names(check_subject)
    """Subjects that are deleted; who reads records with their schemas fails. Default: none."""
    runtime_image: pulumi.Input[str] = RUNTIME_IMAGE
    """Image of this platform's own programs."""
    pod_settings: PodSettings = UNDECIDED
    """Where the Job's pods run, and what they carry. Default: Kubernetes' own defaults."""

    def check(self) -> None:
        """References name declared subjects, and nothing is both declared and removed."""
        check_subjects(self.subjects, self.removed_subjects)
        if self.secret is not None and isinstance(self.url, str):
            check_field("secret", check_login_url, self.url)


def check_subjects(subjects: Mapping[str, Subject], removed: Sequence[str]) -> None:
    """Raises for subjects that cannot be registered together."""
    for name, subject in sorted(subjects.items()):
        try:
            check_subject(name)
        except ValueError as error:
            raise ValueError(f"subjects: {error}") from None
        for reference in subject.references:
            if reference.subject not in subjects or reference.subject == name:
                raise ValueError(
                    f"subjects: {name}: references: subject {reference.subject!r} is not declared beside it: declare it too"
                )
        if name in removed:
            raise ValueError(f"removed_subjects: {name!r} is declared too: remove one of them")


class SchemaSubjects(pulumi.ComponentResource):
    """Registers schemas with one Job, which runs when any of them changes. All of them are tested before one is registered.

    The preview already refuses an Avro change that breaks readers or records of the last version.
    """

    subjects: pulumi.Output[Sequence[str]]
    """Names of the subjects."""

    def __init__(self, name: str, args: SchemaSubjectsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """`name` is part of the names of its objects."""
        super().__init__("kafka-platform:index:SchemaSubjects", name, {}, opts)
        self._args = args = SchemaSubjectsArgs.of(args)
        check_service_name(name, "component")
        settings = SchemaSettings(
            name=name,
            namespace=args.namespace,
            url=args.url,
            runtime_image=args.runtime_image,
            subjects=args.subjects,
            compatibility=args.compatibility,
            removed=args.removed_subjects,
            secret=args.secret,
            ca_secret=args.ca_secret,
            pod_settings=args.pod_settings,
        )
        place_all(self, name, objects(settings))
        self.subjects = pulumi.Output.from_input(sorted(args.subjects))
        self.register_outputs({"subjects": self.subjects})
