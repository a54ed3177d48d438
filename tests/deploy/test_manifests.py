"""compose.yaml, kubernetes.yaml and the Dockerfile: they parse, and what they name exists.

No container engine is needed, and none is used: that the image builds is for CI to show.
"""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from ruamel.yaml import YAML

from pipeline.rules.canaries import Canary
from tests.deploy.expressions import DEPLOY, documents
from tests.services.processes import child_env, python
from workers.canary.run import LEAVING as LEAVING_OF_CANARY
from workers.console.access.visitors import access_of
from workers.console.run import LEAVING as LEAVING_OF_CONSOLE
from workers.health.server import HealthServer
from workers.settings import ENV_PREFIX, Settings

ROOT = DEPLOY.parent
COMPOSE: dict[str, Any] = documents(DEPLOY / "compose.yaml")[0]
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
MANIFESTS = documents(DEPLOY / "kubernetes.yaml")
KUBERNETES = {
    each["kind"]: each
    for each in MANIFESTS
    if each["metadata"]["name"].removeprefix("sluice-") not in {"canary", "archiver", "console", "api", "metrics"}
}
OF_CANARY = {each["kind"]: each for each in MANIFESTS if each["metadata"]["name"] == "sluice-canary"}
OF_ARCHIVER = {each["kind"]: each for each in MANIFESTS if each["metadata"]["name"] == "sluice-archiver"}
OF_CONSOLE = {each["kind"]: each for each in MANIFESTS if each["metadata"]["name"] == "sluice-console"}
OF_API = {each["kind"]: each for each in MANIFESTS if each["metadata"]["name"] == "sluice-api"}
API = OF_API["Deployment"]["spec"]["template"]["spec"]["containers"][0]
CONSOLE = OF_CONSOLE["Deployment"]["spec"]["template"]["spec"]["containers"][0]
ARCHIVER = OF_ARCHIVER["Deployment"]["spec"]["template"]["spec"]["containers"][0]
CANARY = OF_CANARY["Deployment"]["spec"]["template"]["spec"]["containers"][0]
POD = KUBERNETES["Deployment"]["spec"]["template"]
WORKER = POD["spec"]["containers"][0]
DEFAULTS = Settings.model_construct()
SLUICE = sorted(name for name, service in SERVICES.items() if service["image"].startswith("sluice:"))
DEPLOYED = (DEPLOY / "kubernetes.yaml").read_text()
LEAVING = 10  # seconds that a worker may need, after draining, to leave the group


def option_of(command: list[str], name: str) -> str:
    return command[command.index(name) + 1]


def seconds(text: str) -> float:
    assert text.endswith("s")
    return float(text[:-1])


class TestNames:
    @pytest.mark.parametrize("file", ["compose.yaml", "kubernetes.yaml", "Dockerfile", "prometheus/alerts.yaml"])
    def test_every_setting_exists(self, file: str) -> None:
        """Names in comments and runbooks count, too."""
        known = {ENV_PREFIX + name.upper() for name in Settings.model_fields}
        assert set(re.findall(rf"{ENV_PREFIX}[A-Z_]+", (DEPLOY / file).read_text())) <= known

    def test_values_hold(self) -> None:
        """Each environment of a process that goes on makes settings that validate."""
        of_compose = SERVICES["worker"]["environment"]
        of_kubernetes = values_of(WORKER)
        others = [SERVICES[name]["environment"] for name in ("canary", "archiver", "console", "api")]
        of_others = (values_of(each) for each in (CANARY, ARCHIVER, CONSOLE, API))
        for environment in (of_compose, of_kubernetes, *others, *of_others):
            values = {name.removeprefix(ENV_PREFIX).lower(): value for name, value in environment.items()}
            assert Settings(**values).metrics_port == DEFAULTS.metrics_port

    def test_every_command_exists(self) -> None:
        typer = pytest.importorskip("typer.main")
        from workers.cli import app

        group = typer.get_command(app)
        for command in [
            *(SERVICES[name]["command"] for name in SLUICE),
            WORKER["args"],
            CANARY["args"],
            ARCHIVER["args"],
            CONSOLE["args"],
            API["args"],
            topics_job()["args"],
        ]:
            at: Any = group
            for word in command:
                if word.startswith("--"):
                    assert word in {name for each in at.params for name in each.opts}
                elif hasattr(at, "commands"):
                    at = at.commands[word]
                    at = at.loaded() if hasattr(at, "loaded") else at
            assert not hasattr(at, "commands")

    @pytest.mark.parametrize("file", ["compose.yaml", "kubernetes.yaml"])
    def test_the_command_for_a_gpu_that_a_comment_gives_holds(self, file: str) -> None:
        (found,) = re.findall(r"# (?:command|args): (\[.*\])\n", (DEPLOY / file).read_text())
        name, flag, moderators = YAML(typ="safe", pure=True).load(found)
        assert (name, flag) == ("worker", "--moderators")
        assert 1 < Settings(moderators=moderators).moderators <= int(option_of(topics_job()["args"], "--partitions"))


def values_of(container: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def _settings(environment: dict[str, str]) -> dict[str, Any]:
    return {name.removeprefix(ENV_PREFIX).lower(): value for name, value in environment.items()}


def gib(text: str) -> float:
    assert text.endswith("Gi")
    return float(text[:-2])


def topics_job() -> dict[str, Any]:
    return KUBERNETES["Job"]["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize("of", ["compose.yaml", "kubernetes.yaml", "Dockerfile"])
def test_probes_and_scrapers_from_outside_reach_a_worker(of: str) -> None:
    """By default it listens on the loopback, where only its own container's processes would."""
    environments: dict[str, list[dict[str, str]]] = {
        "compose.yaml": [
            SERVICES[name]["environment"] for name in ("worker", "canary", "archiver", "console", "api")
        ],
        "kubernetes.yaml": [values_of(each) for each in (WORKER, CANARY, ARCHIVER, CONSOLE, API)],
        "Dockerfile": [dict(re.findall(r"\b(SLUICE_\w+)=(\S+)", TestDockerfile.LINES))],
    }
    assert {each["SLUICE_METRICS_HOST"] for each in environments[of]} == {"0.0.0.0"}


class TestCanaries:
    @pytest.mark.parametrize("environment", [SERVICES["canary"]["environment"], values_of(CANARY)])
    def test_those_that_are_deployed_come_out_as_they_must(self, environment: dict[str, str]) -> None:
        """By the shipped policies and the bundled model, which a first deployment has."""
        canaries = [Canary.parse(text) for text in Settings(canary=environment["SLUICE_CANARY"]).canary]
        files = [str(ROOT / "policies" / "samples" / canary.name) for canary in canaries]
        argv = python("-m", "workers", "scan", *files, "--json", "--device", "cpu")
        said = subprocess.run(argv, cwd=ROOT, env=child_env(), capture_output=True, text=True, check=False).stdout
        decisions = [json.loads(line) for line in said.splitlines()]
        found = {each["image_id"]: each["verdict"] for each in decisions if "verdict" in each}
        assert found == dict(zip(files, (canary.expect for canary in canaries), strict=True))
        assert set(found.values()) == {"block", "allow"}

    def test_it_is_given_time_to_let_go_of_a_broker_that_is_away(self) -> None:
        assert seconds(SERVICES["canary"]["stop_grace_period"]) > LEAVING_OF_CANARY

    def test_they_are_mounted_where_they_are_looked_for(self) -> None:
        assert "../policies:/policies:ro" in SERVICES["canary"]["volumes"]
        (mount,) = CANARY["volumeMounts"]
        assert all(f"{mount['mountPath']}/" in part for part in values_of(CANARY)["SLUICE_CANARY"].split(","))
        page = (DEPLOY / "kubernetes.yaml").read_text()
        for canary in Settings(canary=values_of(CANARY)["SLUICE_CANARY"]).canary:
            assert f"--from-file=policies/samples/{Canary.parse(canary).name}" in page

    def test_one_is_scraped_under_a_job_of_its_own_or_it_would_count_as_a_worker(self) -> None:
        jobs = documents(DEPLOY / "prometheus" / "prometheus.yaml")[0]["scrape_configs"]
        assert {job["job_name"]: job["dns_sd_configs"][0]["names"] for job in jobs} == {
            "sluice": ["worker"],
            "sluice-canary": ["canary"],
            "sluice-archiver": ["archiver"],
            "sluice-console": ["console"],
            "sluice-api": ["api"],
        }
        others = {"canary": (OF_CANARY, CANARY), "archiver": (OF_ARCHIVER, ARCHIVER)}
        others |= {"console": (OF_CONSOLE, CONSOLE), "api": (OF_API, API)}
        for name, (manifests, container) in others.items():
            monitor = manifests["PodMonitor"]["spec"]
            labels = manifests["Deployment"]["spec"]["template"]["metadata"]["labels"]
            assert monitor["selector"]["matchLabels"] == labels
            assert labels != POD["metadata"]["labels"]
            (endpoint,) = monitor["podMetricsEndpoints"]
            assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": f"sluice-{name}"}]
            assert endpoint["port"] in {port["name"] for port in container["ports"]}


class TestConsole:
    def test_it_is_reached_by_a_token_alone_and_looks_at_every_pod(self) -> None:
        for environment in (SERVICES["console"]["environment"], values_of(CONSOLE)):
            assert environment["SLUICE_CONSOLE_HOST"] == "0.0.0.0"
        assert access_of(Settings(**_settings(SERVICES["console"]["environment"]))).takes_tokens
        (secret,) = [each["valueFrom"]["secretKeyRef"] for each in CONSOLE["env"] if "valueFrom" in each]
        assert f"create secret generic {secret['name']} --from-literal={secret['key']}=" in DEPLOYED
        (pages,) = OF_CONSOLE["Service"]["spec"]["ports"]
        assert str(pages["port"]) == values_of(CONSOLE)["SLUICE_CONSOLE_PORT"]
        (of_all,) = [each for each in MANIFESTS if each["metadata"]["name"] == "sluice-metrics"]
        assert of_all["spec"]["clusterIP"] == "None"
        assert of_all["spec"]["selector"].items() <= POD["metadata"]["labels"].items()
        assert values_of(CONSOLE)["SLUICE_CONSOLE_WORKERS"] == "sluice-metrics:9108"

    def test_it_is_given_time_to_end(self) -> None:
        assert seconds(SERVICES["console"]["stop_grace_period"]) > LEAVING_OF_CONSOLE


class TestApi:
    def test_it_is_reached_by_a_token_alone(self) -> None:
        for environment in (SERVICES["api"]["environment"], values_of(API)):
            assert environment["SLUICE_API_HOST"] == "0.0.0.0"
        assert access_of(Settings(**_settings(SERVICES["api"]["environment"])), "api_host").takes_tokens
        (secret,) = [each["valueFrom"]["secretKeyRef"] for each in API["env"] if "TOKENS" in each["name"]]
        assert f"create secret generic {secret['name']} --from-literal={secret['key']}=" in DEPLOYED
        (port,) = OF_API["Service"]["spec"]["ports"]
        assert str(port["port"]) == values_of(API)["SLUICE_API_PORT"]

    def test_it_is_given_time_to_answer_what_it_has_taken(self) -> None:
        pod = OF_API["Deployment"]["spec"]["template"]["spec"]
        sleeps = API["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod["terminationGracePeriodSeconds"] > sleeps + DEFAULTS.drain_timeout + LEAVING
        assert seconds(SERVICES["api"]["stop_grace_period"]) > DEFAULTS.drain_timeout + LEAVING


class TestArchiver:
    def test_it_is_given_time_to_keep_what_is_open(self) -> None:
        needed = DEFAULTS.drain_timeout + LEAVING
        assert seconds(SERVICES["archiver"]["stop_grace_period"]) > needed
        assert OF_ARCHIVER["Deployment"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > needed

    def test_nothing_is_kept_unless_it_is_asked_for(self) -> None:
        assert SERVICES["archiver"]["profiles"] == ["archive"]
        assert DEFAULTS.archive == "off"


class TestCompose:
    @pytest.mark.parametrize("name", SERVICES)
    def test_images_are_pinned(self, name: str) -> None:
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+[\w.-]*", SERVICES[name]["image"])

    @pytest.mark.parametrize("name", SERVICES)
    def test_folders_that_are_mounted_exist(self, name: str) -> None:
        for volume in SERVICES[name].get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).is_dir(), source
            else:
                assert source in COMPOSE["volumes"]

    @pytest.mark.parametrize("name", SERVICES)
    def test_what_a_service_waits_for_can_tell(self, name: str) -> None:
        for other, when in SERVICES[name].get("depends_on", {}).items():
            if when["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other]

    @pytest.mark.parametrize("name", SERVICES)
    def test_nothing_is_open_to_the_network(self, name: str) -> None:
        assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))

    def test_the_worker_finds_kafka_by_the_door_for_containers(self) -> None:
        doors = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
        for name in {*SLUICE} - {"api"}:  # which needs none
            assert f"INSIDE://{SERVICES[name]['environment']['SLUICE_BOOTSTRAP_SERVERS']}" in doors

    def test_a_worker_is_given_time_to_drain(self) -> None:
        assert seconds(SERVICES["worker"]["stop_grace_period"]) > DEFAULTS.drain_timeout + LEAVING

    def test_policies_are_live_and_cannot_be_written(self) -> None:
        folder = SERVICES["worker"]["environment"]["SLUICE_POLICIES"]
        assert f"../policies:{folder}:ro" in SERVICES["worker"]["volumes"]

    def test_the_build_finds_its_file_and_its_context(self) -> None:
        build = SERVICES["worker"]["build"]
        assert (DEPLOY / build["context"]).resolve() == ROOT
        assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()

    def test_prometheus_scrapes_the_workers(self) -> None:
        config = documents(DEPLOY / "prometheus" / "prometheus.yaml")[0]
        (job,) = (job for job in config["scrape_configs"] if job["job_name"] == "sluice")
        assert job["dns_sd_configs"][0]["names"] == ["worker"]
        assert job["dns_sd_configs"][0]["port"] == DEFAULTS.metrics_port

    @pytest.mark.parametrize("name", ["worker", "api", "console"])
    def test_a_model_is_downloaded_once(self, name: str) -> None:
        assert "models:/var/lib/sluice/models" in SERVICES[name]["volumes"]

    def test_grafana_is_provisioned_from_the_folders_that_are_mounted(self) -> None:
        folders = dict(volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"])
        (provider,) = provisioned("dashboards/sluice.yaml")["providers"]
        assert provider["options"]["path"] == folders["./grafana/dashboards"]
        home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
        assert (DEPLOY / "grafana" / "dashboards" / Path(home).name).is_file()
        (source,) = provisioned("datasources/prometheus.yaml")["datasources"]
        assert source["url"] == "http://prometheus:9090"


def provisioned(path: str) -> Any:
    return documents(DEPLOY / "grafana" / "provisioning" / path)[0]


class TestKubernetes:
    def test_probes_ask_where_the_worker_answers(self) -> None:
        (port,) = WORKER["ports"]
        assert port["containerPort"] == DEFAULTS.metrics_port
        assert WORKER["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": port["name"]}
        assert WORKER["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": port["name"]}
        assert KUBERNETES["PodMonitor"]["spec"]["podMetricsEndpoints"][0]["port"] == port["name"]

    def test_a_worker_is_given_time_to_drain(self) -> None:
        assert POD["spec"]["terminationGracePeriodSeconds"] > DEFAULTS.drain_timeout + LEAVING

    def test_everything_selects_the_workers(self) -> None:
        labels = POD["metadata"]["labels"]
        for kind in ("Deployment", "PodDisruptionBudget", "PodMonitor"):
            assert KUBERNETES[kind]["spec"]["selector"]["matchLabels"] == labels
        target = KUBERNETES["ScaledObject"]["spec"]["scaleTargetRef"]["name"]
        assert target == KUBERNETES["Deployment"]["metadata"]["name"]

    def test_scaling_follows_the_workers_own_group_and_stops_at_the_partitions(self) -> None:
        scaling = KUBERNETES["ScaledObject"]["spec"]
        (trigger,) = scaling["triggers"]
        assert trigger["metadata"]["consumerGroup"] == DEFAULTS.group
        assert trigger["metadata"]["topic"] == DEFAULTS.images_topic
        assert scaling["maxReplicaCount"] == int(option_of(topics_job()["args"], "--partitions"))
        assert "replicas" not in KUBERNETES["Deployment"]["spec"]

    @pytest.mark.parametrize("container", [WORKER, API], ids=["worker", "api"])
    def test_all_decoders_at_once_fit_beside_the_model(self, container: dict[str, Any]) -> None:
        """On any node: the cores that are used are those that are requested, and not the node's."""
        (cores,) = (each for each in container["env"] if each["name"] == "SLUICE_CORES")
        assert cores["valueFrom"] == {"resourceFieldRef": {"resource": "requests.cpu"}}
        decoders = int(container["resources"]["requests"]["cpu"]) * DEFAULTS.decode_memory
        assert gib(container["resources"]["limits"]["memory"]) >= decoders / (1 << 30) + 1

    @pytest.mark.parametrize("deployment", [KUBERNETES, OF_API, OF_CONSOLE], ids=["worker", "api", "console"])
    def test_a_model_has_a_place_to_be_kept(self, deployment: dict[str, Any]) -> None:
        """The root file system is read-only, and whoever looks at images may have to download a model."""
        pod = deployment["Deployment"]["spec"]["template"]["spec"]
        (mount,) = (each for each in pod["containers"][0]["volumeMounts"] if each["name"] == "models")
        assert f"HF_HOME={mount['mountPath']}" in TestDockerfile.LINES
        assert "models" in {each["name"] for each in pod["volumes"]}

    def test_mounts_have_their_volumes(self) -> None:
        volumes = {each["name"] for each in POD["spec"]["volumes"]}
        assert {each["name"] for each in WORKER["volumeMounts"]} == volumes
        paths = {each["mountPath"] for each in WORKER["volumeMounts"]}
        assert next(each["value"] for each in WORKER["env"] if each["name"] == "SLUICE_POLICIES") in paths


class TestDockerfile:
    LINES = (DEPLOY / "Dockerfile").read_text()

    def test_everything_that_is_copied_is_let_through_and_exists(self) -> None:
        ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", self.LINES, re.MULTILINE):
            for source in line.split():
                assert f"!{source}" in ignored
                assert source.endswith("*") or (ROOT / source).exists(), source

    def test_the_packages_that_the_wheel_holds_are_copied(self) -> None:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
        assert set(packages) == set(re.findall(r"^COPY (\w+) \w+$", self.LINES, re.MULTILINE))

    def test_it_installs_what_the_lock_says_and_nothing_else(self) -> None:
        """With hashes, what runs and what builds; the project itself, without looking for what it depends on."""
        installs = re.findall(r"pip install (.+?)(?= &&| \\|$)", self.LINES, re.MULTILINE)
        of_another_index = [each for each in installs if each.startswith('--index-url "${TORCH_INDEX}"')]
        assert [each for each in installs if each not in of_another_index] == [
            "--no-deps --only-binary :all: --require-hashes --requirement requirements.lock",
            "--no-deps --only-binary :all: --require-hashes --requirement build.lock",
            "--no-deps --no-index /wheels/*.whl",
        ]
        assert re.findall(r"pip wheel (.+?)(?= \\|$)", self.LINES, re.MULTILINE) == [
            "--no-deps --no-build-isolation --wheel-dir /wheels ."
        ]
        assert len(of_another_index) == 1

    def test_a_build_for_cpus_takes_torch_at_the_locks_versions_and_leaves_cudas_packages_out(self) -> None:
        """The very commands of the Dockerfile, over the very lock."""
        commands = re.search(
            r"\$\((grep .+? requirements\.lock)\).*?(awk .+? requirements\.lock)", self.LINES, re.DOTALL
        )
        assert commands
        versions, rest = (
            subprocess.run(command, shell=True, cwd=DEPLOY, capture_output=True, text=True, check=True).stdout
            for command in commands.groups()
        )
        assert re.fullmatch(r"torch==\S+\ntorchvision==\S+\n", versions)
        names = {line.split("==")[0] for line in rest.splitlines() if re.match(r"[a-z]", line)}
        assert {"numpy", "pillow", "open-clip-torch"} <= names
        assert not {name for name in names if name.startswith(("torch", "triton", "nvidia", "cuda"))}
        assert rest.count("--hash=") > len(names)

    def test_what_builds_is_left_behind(self) -> None:
        build, runtime = re.split(r"^FROM .+$", self.LINES, flags=re.MULTILINE)[1:]
        assert "pip install" in build
        assert "pip" not in runtime.replace("pipeline", "")
        assert "COPY --from=build /opt/sluice /opt/sluice" in runtime

    def test_what_is_mounted_belongs_to_who_runs(self) -> None:
        """A new named volume has the owner of the image's folder, and is root's where there is none."""
        (folders,) = re.findall(r"install --directory --owner sluice --group sluice ((?:[^\\&]|\\\n)+)", self.LINES)
        mounted = [volume.split(":") for name in SLUICE for volume in SERVICES[name].get("volumes", [])]
        ours = {inside for outside, inside, *_ in mounted if outside in COMPOSE["volumes"]}
        assert ours
        assert ours <= set(folders.replace("\\", " ").split())

    def test_it_runs_as_nobody_special(self) -> None:
        assert re.search(r"^USER 10001:10001$", self.LINES, re.MULTILINE)

    def test_the_health_check_passes_when_well_and_fails_when_not(self) -> None:
        """Its command, run as the engine would, against a real server; a proxy in the environment is not asked."""
        command = re.search(r'^    CMD \["python", "-I", "-c", (".+")\]$', self.LINES, re.MULTILINE)
        assert command
        reasons: list[str | None] = [None]
        server = HealthServer("127.0.0.1", 0, CollectorRegistry(), lambda: reasons[0], lambda: None)
        argv = python("-I", "-c", json.loads(command[1]))
        env = {"SLUICE_METRICS_PORT": str(server.port), "http_proxy": "http://127.0.0.1:9"}
        with closing(server):
            assert subprocess.run(argv, env=env, capture_output=True, timeout=30, check=False).returncode == 0
            reasons[0] = "nothing has moved for 130 s"
            assert subprocess.run(argv, env=env, capture_output=True, timeout=30, check=False).returncode == 1

    def test_the_entry_point_is_the_command_that_is_installed(self) -> None:
        assert 'ENTRYPOINT ["sluice"]\nCMD ["worker"]' in self.LINES
        assert f"EXPOSE {DEFAULTS.metrics_port}" in self.LINES
