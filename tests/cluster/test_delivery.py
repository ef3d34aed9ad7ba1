"""What CI does with a stack, in a copy of this repository: review, deployment, drift, with the real engine."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from sandbox.environment import backend_url
from tests.harness import ROOT

STACK = """\
config:
  kafka-platform:platform:
    environment: {environment}
    namespace: delivery
    kafka: {{engine: external, bootstrapServers: "kafka.example.com:9093", securityProtocol: {protocol}}}
    tenants: {{shop: {{namespace: delivery-shop, createNamespace: true}}}}
"""


class Checkout:
    """A copy of the repository with one stack in it."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        for name in ("infra", "components", "policies", "__main__.py", "Pulumi.yaml"):
            source, target = ROOT / name, folder / name
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        (folder / ".venv").symlink_to(ROOT / ".venv")
        (folder / ".gitignore").write_text(".venv\n__pycache__\nstate\nreviews\n")
        (folder / "stacks").mkdir()
        (folder / "state").mkdir()
        self.environment = {
            **os.environ,
            **environment,
            "PULUMI_BACKEND_URL": backend_url(folder / "state"),
            "PULUMI_CONFIG_PASSPHRASE": "only for this test",
        }
        for name in ("PULUMI_CONFIG_PASSPHRASE_FILE", "GITHUB_STEP_SUMMARY", "PULUMI_ACCESS_TOKEN"):
            self.environment.pop(name, None)
        self.write()
        self.git("init", "--quiet", "--initial-branch=main")
        self.git("add", "-A")
        self.git("commit", "--quiet", "-m", "first")

    def write(self, environment: str = "dev", protocol: str = "SASL_SSL", **replaced: str) -> None:
        text = STACK.format(environment=environment, protocol=protocol)
        for old, new in replaced.items():
            text = text.replace(old, new)
        (self.folder / "stacks" / "Pulumi.live.yaml").write_text(text)

    def git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
        subprocess.run(["git", *identity, *arguments], cwd=self.folder, check=True, capture_output=True)

    def run(self, *arguments: str, code: int = 0, variables: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "infra", "ci", *arguments],
            cwd=self.folder,
            env=self.environment | dict(variables or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def review(self, code: int = 0, variables: Mapping[str, str] | None = None) -> str:
        """The comment."""
        self.run("review", "live", "--base", "main", "--out", "reviews", code=code, variables=variables)
        return (self.folder / "reviews" / "live.md").read_text()


@pytest.fixture(scope="module")
def checkout(environment: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    made = Checkout(tmp_path_factory.mktemp("checkout"), environment)
    yield made
    chosen = ["--stack", "live", "--non-interactive", "--cwd", str(made.folder)]
    exists = subprocess.run(["pulumi", "stack", *chosen], env=made.environment, check=False, capture_output=True)
    if exists.returncode == 0:
        subprocess.run(["pulumi", "destroy", "--yes", *chosen], env=made.environment, check=True, capture_output=True)


@pytest.mark.long
def test_from_the_pull_request_to_its_drift(checkout: Checkout) -> None:
    """One story, because each part needs the one before."""
    summary = checkout.folder / "state" / "summary.md"
    # Nothing is deployed yet: the two commits are compared.
    comment = checkout.review(variables={"GITHUB_STEP_SUMMARY": str(summary)})
    assert comment.startswith("<!-- kafka-platform review of live -->\n\n### live: no changes\n")
    assert "Compared without the deployed state: the stack has not been deployed yet." in comment
    assert comment in summary.read_text()

    checkout.run("apply", "live")
    assert "### live: no changes" in checkout.review()
    assert "### live: no changes" in checkout.run("drift", "live")

    checkout.write(**{"createNamespace: true": "createNamespace: false"})
    comment = checkout.review()
    assert "### live: 1 change, 1 needs a second look" in comment
    assert "- :warning: Namespace `delivery-shop`: deleted with everything that is in it" in comment
    assert "Compared" not in comment
    checkout.write()

    subprocess.run(["kubectl", "delete", "namespace", "delivery-shop"], env=checkout.environment, check=True)
    assert "Namespace `delivery-shop`: created" in checkout.run("drift", "live", code=1)
    # Drift is put back by an explicit word only: somebody may have had a reason.
    mend = ["pulumi", "up", "--refresh", "--yes", "--stack", "live", "--non-interactive", "--cwd", str(checkout.folder)]
    subprocess.run(mend, env=checkout.environment, check=True, capture_output=True)
    assert "### live: no changes" in checkout.run("drift", "live")


def test_what_breaks_a_mandatory_policy(checkout: Checkout) -> None:
    checkout.write("prod", "SASL_PLAINTEXT")
    try:
        comment = checkout.review(code=1)
        assert "1 violation of the policies for prod" in comment
        assert "the connection to Kafka: SASL_PLAINTEXT sends records readable" in comment
        assert "1 violation of the policies" in checkout.run("apply", "live", code=1)
    finally:
        checkout.write()


@pytest.mark.parametrize("missing", ["PULUMI_BACKEND_URL", "KUBECONFIG"])
def test_without_credentials(checkout: Checkout, missing: str) -> None:
    """As for a fork's pull request: a review there is, and nothing is deployed."""
    checkout.write(**{"delivery-shop": "delivery-stall"})
    try:
        comment = checkout.review(variables={missing: ""})
        assert "- Namespace `delivery-stall`: created" in comment or "Namespaces" in comment
        assert f"({'PULUMI_ACCESS_TOKEN or PULUMI_BACKEND_URL' if missing != 'KUBECONFIG' else missing})" in comment
        for action in ("apply", "drift"):
            assert "::notice::" in checkout.run(action, "live", variables={missing: ""})
    finally:
        checkout.write()


def test_a_file_that_is_wrong(checkout: Checkout) -> None:
    checkout.write(**{"tenants:": "tenantz:"})
    try:
        comment = checkout.review(code=1)
        assert "tenantz: unknown key: did you mean 'tenants'?" in comment
        assert "tenantz" in checkout.run("apply", "live", code=1)
    finally:
        checkout.write()
