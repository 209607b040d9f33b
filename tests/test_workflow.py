"""The workflow that reviews pull requests: what it may do, and what it runs. Only GitHub runs it whole."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
ACTIONS = {"actions/checkout", "actions/setup-python", "actions/upload-artifact"}


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.name)
def workflow(request: pytest.FixtureRequest) -> dict[str, Any]:
    return YAML(typ="safe").load(request.param)


def list_steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_only_maintained_actions_are_used(workflow: dict[str, Any]) -> None:
    used = [step["uses"] for step in list_steps(workflow) if "uses" in step]
    assert {re.sub(r"@v\d+$", "", name) for name in used} <= ACTIONS


def test_nothing_may_write_but_the_comment(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in workflow["on"], "that would give a fork's code our token"
    writing = {name: job["permissions"] for name, job in workflow["jobs"].items() if "permissions" in job}
    assert writing == {"review": {"contents": "read", "pull-requests": "write"}}


def test_a_fork_gets_no_token(workflow: dict[str, Any]) -> None:
    own = workflow["jobs"]["review"]["env"]["OWN"]
    assert "github.event.pull_request.head.repo.full_name == github.repository &&" in own
    for step in list_steps(workflow):
        assert step.get("with", {}).get("persist-credentials", False) is False
        for name, value in step.get("env", {}).items():
            if name == "POST" or "token" in value:
                assert value.startswith("${{ env.OWN == 'true' && ")
                assert value.endswith(" || '' }}")


def test_nothing_that_a_stranger_wrote_is_put_into_a_script(workflow: dict[str, Any]) -> None:
    assert not [step["run"] for step in list_steps(workflow) if "${{" in step.get("run", "")]


def test_make_review_takes_its_options_from_the_environment(workflow: dict[str, Any]) -> None:
    [step] = [step for step in list_steps(workflow) if "make review" in step.get("run", "")]
    values = {name: f"<{name}>" for name in step["env"] if name != "GITHUB_TOKEN"}
    target = step["run"].split("|")[0].split()[1:]
    done = subprocess.run(
        ["make", "--dry-run", "--assume-old", ".venv/.installed", *target], cwd=ROOT,
        env={**os.environ, **values}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    words = '--since "HEAD^1" --checks "<CHECKS>" --report "<REPORT>" --post "<POST>"'
    assert words in " ".join(done.stdout.replace("\\\n", "").split())
