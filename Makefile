# SPDX-License-Identifier: GPL-2.0-or-later
#
# Everything that is done with a checkout.  `make help` lists it.
#
# The virtualenv is made again from nothing whenever what it was made from has
# changed: the lock, pyproject.toml, the interpreter or the folder.  The stamp
# is written last, so an interrupted install is done again too.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
EXAMPLE := examples/revocable-helper.mbox
# Programs that the integration tests run, and the Debian package of each.
PROGRAMS := git:git dnsmasq:dnsmasq-base openssl:openssl public-inbox-init:public-inbox doveadm:dovecot-imapd \
	mutt:mutt $$(git --exec-path)/git-send-email:git-email systemd-analyze:systemd

# Seen through links, so that a python3 of an activated .venv names the one that made it.
INTERPRETER := $(shell $(PYTHON) -c 'import os, sys; print(os.path.realpath(sys.executable))')
WANTED := $(shell $(PYTHON) -c 'import sys; print(sys.version)') $(INTERPRETER) $(CURDIR)
quote = '$(subst ','\'',$1)'

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help review test bench mutants lock clean programs

help:
	@echo 'make review [SERIES=...]  review the series: a file, A..B, a message-id, an archive URL;'
	@echo '                          without SERIES the example that ships with revokebot.'
	@echo '                          Findings do not fail it; ARGS="--fail-on error" does.'
	@echo 'make test                 ruff, mypy and every test'
	@echo 'make bench                measure against checkpatch.pl, git and unidiff, print the ratios'
	@echo 'make mutants              break correct patches in many ways, print what the rules catch'
	@echo 'make lock                 write requirements.lock anew; ARGS=--upgrade takes newer releases'
	@echo 'make clean                remove all that the other targets made'
	@echo
	@echo 'ARGS=... is passed on, PYTHON=... chooses the interpreter (3.11 or newer).'

review: $(READY)
	@$(BIN)/revokebot review --fail-on never $(ARGS) \
		$(foreach source,$(or $(SERIES),$(EXAMPLE)),$(call quote,$(source)))

test: $(READY) programs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/pytest -q $(ARGS)

bench: $(READY)
	$(BIN)/python -m benchmarks $(ARGS)

mutants: $(READY)
	$(BIN)/python -m tests.mutants

lock: $(READY)
	CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/pip-compile --quiet --generate-hashes \
		--allow-unsafe --strip-extras --extra dev --no-emit-index-url --no-emit-find-links \
		--no-emit-trusted-host --output-file requirements.lock $(ARGS) pyproject.toml

clean:
	rm -rf $(VENV) .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist
	find bot checks tests benchmarks -name __pycache__ -type d -exec rm -rf {} +

programs:
	@missing= PATH="$$PATH:/usr/sbin"; \
	for pair in $(PROGRAMS); do \
		command -v "$${pair%%:*}" >/dev/null || missing="$$missing $${pair##*:}"; \
	done; \
	perl -MEmail::MIME -MEmail::Address::XS -e1 2>/dev/null \
		|| missing="$$missing libemail-mime-perl libemail-address-xs-perl"; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || missing="$$missing postgresql"; \
	perl -MMail::Address -e1 2>/dev/null || missing="$$missing libmailtools-perl"; \
	test -n "$$missing" || exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get update -qq && apt-get install -qq -y --no-install-recommends $$missing; \
	else \
		echo "the tests need these programs: sudo apt-get install$$missing" >&2; exit 1; \
	fi

# The stamp is out of date, whatever its time, when it was written for another interpreter or folder.
ifneq ($(shell cat $(READY) 2>/dev/null),$(WANTED))
.PHONY: $(READY)
endif

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'revokebot needs Python 3.11 or newer: make PYTHON=python3.11 ...' >&2; exit 1; }
	@echo 'making $(VENV) from requirements.lock (needed once, about a minute)'
	@rm -rf $(VENV)
	@$(INTERPRETER) -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation -e .
	@echo $(call quote,$(WANTED)) > $@
