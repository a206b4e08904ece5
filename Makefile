# fundlink: bare `make` lists the targets.
PY ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DEMO_HOME ?= $(CURDIR)/.fundlink
.DEFAULT_GOAL := help

help:  ## この一覧 / this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 12

$(BIN)/python:
	@command -v $(PY) >/dev/null || { echo "$(PY) がありません。PY=... で Python 3.11 以上を指定してください。"; exit 1; }
	@$(PY) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PY) の venv が使えません。Debian なら: apt-get install python3-venv"; exit 1; }
	$(PY) -m venv $(VENV)

$(VENV)/run.ok: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/all.ok: requirements-all.lock $(VENV)/run.ok
	$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-all.lock
	@touch $@

venv: $(VENV)/run.ok  ## 製品の入った .venv を作る / build .venv with the product in it

demo: $(VENV)/run.ok  ## 見本データで全工程を通す / run the whole road on sample data
	FUNDLINK_HOME="$(DEMO_HOME)" $(BIN)/fundlink demo

# three processes on two cores: some tests wait for workers to be taken for dead, or for pages over a slow line
# thousands of small databases are not about the disk: in memory where there are 6 GB of it to spare
MEMORY := $(shell test -w /dev/shm && df -Pk /dev/shm | awk 'NR == 2 && $$4 > 6000000 { print "TMPDIR=/dev/shm" }')
test: $(VENV)/all.ok  ## すべての試験 / every test (SQLite and PostgreSQL)
	$(MEMORY) $(BIN)/pytest -q -n 3 --dist loadfile --no-loadscope-reorder

KILLS ?= 2000
ON ?= sqlite
crash: $(VENV)/all.ok  ## どの書込みの前後で止めても失わず二重にならないか（KILLS=回数 ON=sqlite|postgresql） / killed at every durable step; in parts that stay done: CRASH_ARGS="--kept FILE --first 1 --last 5"
	@$(MEMORY) $(BIN)/python -m tests.crash --kills $(KILLS) --database $(ON) $(CRASH_ARGS)

crash-commits: $(VENV)/all.ok  ## どの確定の前後で止めても同じ結果になるか / every act killed before and after each of its commits
	CRASH=full $(BIN)/pytest -q -n 2 tests/journeys/test_crashes.py

SECONDS ?= 300
crash-database: $(VENV)/all.ok  ## PostgreSQL を 5〜40 秒ごとに即時停止しながら 1 日の処理を続ける（SECONDS=秒） / PostgreSQL stopped at once under flow
	@$(BIN)/python -m tests.crash --stops --seconds $(SECONDS) $(CRASH_ARGS)

FAULT ?= sync
crash-disk: $(VENV)/all.ok  ## ディスクの書込み・同期の失敗と、同期と答えの順序（FAULT=sync|write|order|http、strace が要る） / a disk that fails, and the order of syncs
	@$(MEMORY) $(BIN)/python -m tests.crash --faults $(FAULT) $(CRASH_ARGS)

failover: $(VENV)/all.ok  ## どのプロセスを止めても台帳が同じになるか（BILLS=件数） / any process of the demo killed at any time
	@$(BIN)/python -m tests.jobs.failover --bills $(or $(BILLS),50000)

SEEDS ?= 5000
soak: $(VENV)/all.ok  ## 種（SEEDS=数、FIRST=最初）ごとに時計・通信・障害を演じて約束を確かめる / deterministic simulation, one JSON line; one seed again: SOAK_ARGS="--replay SEED"
	@$(BIN)/python -m tests.simulation soak --seeds $(SEEDS) --first $(or $(FIRST),1) $(SOAK_ARGS)

soak-merge: $(VENV)/all.ok  ## 分けて行った soak の結果（PARTS=ファイル…）を 1 行にまとめる / several parts of a soak as one line
	@$(BIN)/python -m tests.simulation merge $(PARTS)

soak-defects: $(VENV)/all.ok  ## わざと入れた欠陥がすべて見付かるか / every planted defect has to be caught
	@$(BIN)/python -m tests.simulation defects --seeds 2000 --processes 2 $(SOAK_ARGS)

soak-differential: $(VENV)/all.ok  ## 同じ種で SQLite と PostgreSQL の台帳が等しいか / the same ledger on both databases
	@$(BIN)/python -m tests.simulation differential --seeds $(or $(filter-out 5000,$(SEEDS)),20)

check: $(VENV)/all.ok  ## 書式・型・輸入規約・文書の鮮度 / format, lint, types, import contract, docs fresh
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m fundlink.formats.book --check docs/formats.md
	@! grep -nE 'https?://' requirements.lock requirements-all.lock
	$(BIN)/hadolint Dockerfile

docs: $(VENV)/run.ok  ## docs/formats.md と docs/performance.md を作り直す / regenerate both
	$(BIN)/python -m fundlink.formats.book docs/formats.md
	$(BIN)/python -m bench report docs/performance.json docs/performance.md

screens: $(VENV)/all.ok  ## 画面の絵を docs/screens に作り直す / draw every page of the console again
	$(BIN)/python -m tests.console.screens docs/screens

N ?= 100000
RUNS ?= $(if $(filter 1000000,$(N)),3,5)
BENCH_OUT ?= bench/results/$(N).json
bench: $(VENV)/run.ok  ## 性能を床と並べて測る（N=行数） / measure the road beside its floors (N=rows, BENCH_ARGS=--only … --on … --resume --bills …)
	$(BIN)/python -m bench all --rows $(N) --runs $(RUNS) --out $(BENCH_OUT) $(BENCH_ARGS)

RATE ?= 1200
SECONDS ?= 600
receipts: $(VENV)/run.ok  ## 毎秒 RATE 件の収納を SECONDS 秒、届いてから保管までの秒数（ON=sqlite|postgresql） / receipts at a steady rate, each durable within a second
	@$(BIN)/python -m bench receipts --rate $(RATE) --seconds $(SECONDS) --database $(ON)

recovery: $(VENV)/run.ok  ## 請求 BILLS 件（既定 1,000,000）で止め、再開までの秒数（ON=sqlite|postgresql） / killed among many open bills
	@$(BIN)/python -m bench recovery --bills $(or $(BILLS),1000000) --database $(ON)

bench-comparators:  ## 比べる相手を .venv-bench に入れる / install what bench compares with
	$(PY) -m venv .venv-bench
	@echo '*' > .venv-bench/.gitignore
	.venv-bench/bin/pip install -q --disable-pip-version-check -r bench/requirements.txt

lock:  ## 依存の固定をやり直す（保守者） / re-lock dependencies (maintainers, needs uv)
	uv lock
	uv export -q --no-group dev --no-emit-project --no-header --format requirements-txt -o requirements.lock
	uv export -q --all-groups --no-emit-project --no-header --format requirements-txt -o requirements-all.lock

figures: $(VENV)/all.ok  ## 請求 100 万件で画面の応答を測り docs/performance-console.md を書く / time every page with a million bills
	$(BIN)/python -m tests.console.figures --page docs/performance-console.md

.PHONY: help venv demo test check docs screens figures bench bench-comparators lock crash crash-commits crash-database crash-disk failover receipts recovery soak soak-merge soak-defects soak-differential
