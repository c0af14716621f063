# Two commands matter: `make demo` and `make test`. Both install what they need into .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO_SECONDS ?= 0
FAULTS ?=
ALARMS ?=
TIMES ?= 20
SEED ?= $(shell date +%s)
HA ?= real
DATABASE ?= both
BENCH_SECONDS ?= 10
VERSIONS ?=

.PHONY: install demo test faults alarms job-kills fuzz compatibility lint bench dashboard pictures diagram schema
.PHONY: coverage-supervisors soak-supervisors bench-supervisors secrets influxdb-token clean

install: $(VENV)/.installed
demo: install
	DEMO_SECONDS=$(DEMO_SECONDS) $(BIN)/ingestor demo

test: lint coverage-supervisors
	$(BIN)/python -m pytest --ignore=tests/supervisors --numprocesses=4 --dist=loadscope --no-loadscope-reorder  # they mostly wait for servers

# What has been received is stored, whatever fails: make faults FAULTS="us: crash" TIMES=20 SEED=1 HA=simulated DATABASE=embedded
# What was missed is refilled or listed, in real homes: make faults FAULTS='link:*' (or 'away:*', 'home:*', 'listed:*')
faults: $(VENV)/.installed-dev
	$(BIN)/python -m tests.faults --rows "$(FAULTS)" --times $(TIMES) --seed $(SEED) --home $(HA) --database $(DATABASE)

# Every fault is told with its cause, alone, and cleared, by a real Prometheus, Alertmanager and home: make alarms ALARMS="disk full"
alarms: $(VENV)/.installed-dev
	$(BIN)/python -m tests.faults.alarms --only "$(ALARMS)"

# A job goes on after kill -9, and brings everything once: so many random kills of each kind of job.
job-kills: $(VENV)/.installed-dev
	$(BIN)/python -m tests.faults.job_kills --times $(TIMES) --seed $(SEED)

# A service lives among peers and clients that say anything: so many random requests, settings and answers.
fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m tests.faults.fuzz --times $(TIMES) --seed $(SEED)

# Every supported Home Assistant and Python, and tables of what passed: make compatibility VERSIONS="2024.3.3 3.14"
compatibility: $(VENV)/.installed-dev
	$(BIN)/python -m tests.compatibility $(VERSIONS)

# The figures of docs/performance.md and their plots, in a quarter of an hour; BENCH_SECONDS=1 for a short look.
bench: $(VENV)/.installed-dev
	$(BIN)/python -m tests.bench --seconds $(BENCH_SECONDS) --directory docs/performance

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Looked at each time, so that what an interrupted or older attempt left behind does not stick.
$(VENV)/.made: FORCE
	@if $(BIN)/python -c "import sys, pip; sys.exit(sys.version_info < (3, 11))" 2>/dev/null; then test -e $@ || touch $@; else \
	  $(PYTHON) -c "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))" 2>/dev/null || { \
	    echo "This needs Python 3.11 or newer with venv (Debian: python3-venv), and '$(PYTHON)' is not one" \
	      "($$($(PYTHON) --version 2>&1 | head -n 1)). Name another: make PYTHON=python3.12" >&2; exit 1; }; \
	  test ! -e $(VENV) || echo "$(VENV) is of an older Python, or has no pip: it is made anew" >&2; \
	  $(PYTHON) -m venv --clear $(VENV) && touch $@; fi

FORCE:

# The files pin everything, so pip resolves nothing: it would look at newer releases of what an extra needs, and refuse them.
$(VENV)/.installed: requirements.txt pyproject.toml $(VENV)/.made
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --editable .
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements-dev.txt
	$(BIN)/python -m pip check --quiet
	touch $@

# The dashboards and the page of metrics, from their code.
dashboard: $(VENV)/.installed-dev
	$(BIN)/python -m grafana
	$(BIN)/python -m metrics

# The dashboard in docs/monitoring.md: five situations, made for real, in ten minutes; root may mount the small disk.
pictures: $(VENV)/.installed-dev
	$(BIN)/python -m tests.pictures

# The tree in docs/supervisors.md, from its specs.
diagram: $(VENV)/.installed-dev
	$(BIN)/python -m tests.documentation.supervisors_tree

# The tables of fields and of units in docs/schema.md, from the code.
schema: $(VENV)/.installed-dev
	$(BIN)/python -m tests.documentation.stored_fields

# Its own tests cover every branch of the package.
coverage-supervisors: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/supervisors --cov=supervisors --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=100

soak-supervisors: $(VENV)/.installed-dev
	$(BIN)/python -m tests.supervisors.soak 100000

bench-supervisors: $(VENV)/.installed-dev
	$(BIN)/python -m tests.bench.supervision

# What compose.yaml wants: random secrets, and an empty file for your Home Assistant token.
secrets:
	@install -d -m 700 secrets
	@test ! -s secrets/influxdb_token || test -s secrets/influxdb_admin_token \
	  || cp secrets/influxdb_token secrets/influxdb_admin_token  # until now it was the owner's
	@for name in influxdb_admin_token influxdb_password grafana_password api_token; do \
	  test -s secrets/$$name || $(PYTHON) -c "import secrets; print(secrets.token_urlsafe(32), end='')" > secrets/$$name; done
	@test -s secrets/influxdb_token || cp secrets/influxdb_admin_token secrets/influxdb_token
	@touch secrets/ha_token && chmod 644 secrets/*
	@echo "Now put your long-lived access token into secrets/ha_token."

# A token for the ingestor of compose.yaml that may read and write the buckets of `home`, and no more, in place of the owner's.
influxdb-token:
	@docker compose exec -T influxdb sh -c 'influx auth create --token "$$(cat /run/secrets/influxdb_admin_token)" --org home \
	  --description ingestor --read-buckets --write-buckets --read-orgs --hide-headers' > secrets/.made
	@cut -f 3 secrets/.made | tr -d '[:space:]' > secrets/.token && rm secrets/.made && test -s secrets/.token
	@chmod 644 secrets/.token && mv secrets/.token secrets/influxdb_token
	@docker compose up --detach --force-recreate --no-deps ingestor grafana

clean:
	rm -rf $(VENV) .demo
