# Tools are pinned: what they write and what they object to must not depend on the day.
SQLC          := go run github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1
BENCHSTAT     := go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
AIR           := go run github.com/air-verse/air@v1.67.4
ACTIONLINT    := go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
GOVULNCHECK   := go run golang.org/x/vuln/cmd/govulncheck@v1.9.0
CYCLONEDX     := go run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

# What generate and golden write, but for a report in which may stand now one, now the other of two rows that an unfiltered query meets first.
GENERATED := db ids/names.go sqlc.yaml handlers/testdata sql/catalogue.txt docs ':!handlers/testdata/function_mutants.txt'

FUZZTIME := 20s
SEED := 0
BASE := HEAD~1
TURNS := 6

# prove reads and shares nothing, and its parser takes minutes to build for the race detector.
RACED = $$(go list ./... | grep -v /prove$$)

# Of ./handlers: up to thousands of requests, one after the other. Nothing is shared among them, and other tests make the same with the race
# detector, under which these took minutes.
UNRACED := ^Test(Alternat\w+|RefusalsAreSmall|ReportsAreTheBooks|LoginLimitTellsNothing|NextRequest|RoundTrips|EveryState|Audit|OneTenantAlone|ForeignTiming|\w*Mutants)$$

# What stands in .env and is not in the environment already goes to the program. It is read as docker compose does, not by a shell: values may
# hold blanks and ampersands.
WITH_ENV = while IFS= read -r line; do \
		case $$line in [A-Z]*=?*) printenv "$${line%%=*}" >/dev/null || export "$$line";; esac; \
	done <$$(test -e .env && echo .env || echo /dev/null)

.DEFAULT_GOAL := help

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^\043\043@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  %-23s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ Run

.PHONY: install
install: ## Download the modules, and build the tools that generate, lint and dev use
	go mod download
	$(SQLC) version
	$(GOLANGCI_LINT) version
	$(ACTIONLINT) -version
	$(AIR) -v

.PHONY: run
run: build ## Serve a demonstration, with a PostgreSQL of its own
	./rowhouse dev

.PHONY: dev
dev: ## The same, built and started again at each change of a Go or SQL file (.air.toml); ARGS go to rowhouse dev
	$(AIR) -- $(ARGS)

.PHONY: worker
worker: build-worker ## Run a worker, with the settings in .env
	@$(WITH_ENV); exec ./rowhouse-worker worker

.PHONY: build
build: ## Build ./rowhouse
	CGO_ENABLED=0 go build -trimpath -tags nomsgpack -o rowhouse ./cmd/rowhouse # gin would bring a fifth of the binary for it

.PHONY: build-worker
build-worker: ## Build ./rowhouse-worker, which works and has nothing of the API
	CGO_ENABLED=0 go build -trimpath -tags nomsgpack,worker -o rowhouse-worker ./cmd/rowhouse

.PHONY: create-account
create-account: build ## Make an account: EMAIL=ada@example.com ARGS='--name Ada --superuser'; the password is asked for
	@test -n '$(EMAIL)' || { echo 'create-account: no EMAIL: make create-account EMAIL=ada@example.com' >&2; exit 2; }
	@$(WITH_ENV); exec ./rowhouse account create --email '$(EMAIL)' $(ARGS)

.PHONY: clean
clean: ## Remove what was built here, and nothing of any database
	rm -rf rowhouse rowhouse-worker tmp coverage.out
	find . -name '*.test' -type f -delete

##@ The database, as its owner (DATABASE_MIGRATION_URL)

.PHONY: migrate
migrate: build ## Apply the migrations that are missing
	@$(WITH_ENV); exec ./rowhouse migrate up

.PHONY: migrate-down
migrate-down: build ## Undo the newest migration
	@$(WITH_ENV); exec ./rowhouse migrate down

.PHONY: migrate-history
migrate-history: build ## List the migrations, and when they were applied
	@$(WITH_ENV); exec ./rowhouse migrate status

.PHONY: migrate-create
migrate-create: build ## Make the next, empty file in sql/migrations: NAME=add_coupons
	@test -n '$(NAME)' || { echo 'migrate-create: no NAME: make migrate-create NAME=add_coupons' >&2; exit 2; }
	./rowhouse migrate create '$(NAME)'

##@ Test

.PHONY: test
test: test-raced test-unraced ## Run all tests but the browser's; they bring their own PostgreSQL
	go test -run Golden ./handlers ./sql # without the race detector, as verify runs them

.PHONY: test-raced
test-raced: ## Run those of them that run with the race detector
	@go build -race $(RACED) # on all cores, which -p 1 would not
	go test -race -p 1 -timeout 30m -skip '$(UNRACED)|Golden' $(RACED) # one package at a time: each uses all cores, and some hold the server to its deadlines

.PHONY: test-unraced
test-unraced: ## Run the others, but for those of golden files, which verify runs too
	go test -timeout 30m -run '$(UNRACED)' ./handlers
	GODEBUG=cpu.avx2=off go test ./auth/... # where argon2 is the library
	go test ./prove

.PHONY: test-cov
test-cov: ## Run all tests without the race detector, and print how much of each package they reach; coverage.out has the lines
	go test -timeout 60m -coverprofile coverage.out $(RACED)
	go tool cover -func coverage.out | tail -1

.PHONY: test-browser
test-browser: ## Run the tests that need Chromium
	go test -tags browser -run Browser ./handlers

.PHONY: fuzz
fuzz: fuzz-api ## Look for input that breaks a parser or the API, FUZZTIME=20s for each
	@set -e; for file in $$(grep -rl --include='*_test.go' '^func Fuzz' .); do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file"); do \
			echo "$$file $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$file")"; \
		done; \
	done

.PHONY: fuzz-api
fuzz-api: ## Ask the API by a grammar of its routes for FUZZTIME; SEED=… asks the same again
	go test -count=1 -v -run '^TestGrammar$$' ./handlers -grammar $(FUZZTIME) -seed $(SEED)

##@ Measure

.PHONY: bench
bench: ## Measure against bare gin and pgx and against pgbench, and write docs/performance.md; a quarter of an hour
	go run ./cmd/bench -write docs/performance.md

.PHONY: bench-quick
bench-quick: ## Measure a little of that, and print it; two minutes
	go run ./cmd/bench -quick

.PHONY: bench-go
bench-go: ## Run the benchmarks that are tests
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: bench-compare
bench-compare: ## Compare the hot requests with those of BASE=HEAD~1, in turns; a report, whatever it says
	@dir=$$(mktemp -d) && trap 'git worktree remove --force $$dir/tree; rm -rf $$dir' EXIT && \
	git worktree add --quiet --detach $$dir/tree $(BASE) && \
	go test -c -o $$dir/new.test ./handlers && (cd $$dir/tree && go test -c -o $$dir/old.test ./handlers) && \
	bench() { cd $$1/handlers && $$dir/$$2.test -test.run '^$$' -test.bench 'Hot|Parts' -test.benchtime 500x >>$$dir/$$2; } && \
	for turn in $$(seq $(TURNS)); do (bench $$dir/tree old) && (bench "$$PWD" new) || exit 1; done && \
	(cd $$dir && $(BENCHSTAT) old new)

.PHONY: bench-growth
bench-growth: ## Measure how costs grow with tenants, items and EVENTS=10000000, and draw docs/growth.svg; half an hour, and 25 GB of disk
	go run ./cmd/bench -growth docs/growth.svg $(if $(EVENTS),-events $(EVENTS))

.PHONY: bench-compare-release
bench-compare-release: ## Measure the server beside that of BASE=HEAD~1, each over its own database of the same rows, and beside PREST=prestd, in five rounds; ten minutes
	@dir=$$(mktemp -d) && trap 'git worktree remove --force $$dir/tree; rm -rf $$dir' EXIT && git worktree add --quiet --detach $$dir/tree $(BASE) && \
	go run ./cmd/bench -compare $$dir/tree $(if $(PREST),-prest $(PREST))

##@ Write

.PHONY: format
format: ## Format the Go files
	gofmt -l -w .

.PHONY: generate
generate: ## Write what follows from sql/migrations, sql/queries and ids/ids.go: sql/catalogue.txt, ids/names.go, sqlc.yaml, db/
	go test ./sql -count=1 -run Golden -update
	go run ./cmd/resource
	rm -rf db
	$(SQLC) generate

.PHONY: resource
resource: ## Write a resource: NAME=coupons COLUMNS='code:text(1..20):unique …' ABOUT='…' OWN=member WITH='import export archive'
	@test -n '$(NAME)' || { echo "resource: no NAME: make resource NAME=coupons COLUMNS='code:text(1..20)'" >&2; exit 2; }
	go run ./cmd/resource -name '$(NAME)' -columns '$(COLUMNS)' -about '$(subst ','\'',$(ABOUT))' -own '$(OWN)' -with '$(WITH)'

.PHONY: golden-api
golden-api: ## Write those golden files that tell of the API: openapi.json, the pages in docs and the grid
	go test ./handlers -count=1 -run 'OpenAPIGolden|PagesGolden|RolesPageGolden|WebhookPagesGolden' -update
	go test ./handlers -count=1 -run 'PermissionGridGolden' -update # whose answers are compared with the description

.PHONY: golden
golden: ## Write the golden files again; read the diff
	go test ./handlers -run Golden -update -whole

##@ Check

.PHONY: verify
verify: generate golden prove-text allocations ## Fail if a generated file is not what it would be now, against git's index
	@git diff --exit-code --stat -- $(GENERATED) || { echo 'verify: these differ from what git has: git add them if they are right' >&2; exit 1; }
	@new=$$(git ls-files --others -- $(GENERATED)); test -z "$$new" || { echo "verify: git does not have these: $$new" >&2; exit 1; }
	go mod tidy -diff

.PHONY: allocations
allocations: ## Hold each hot request to its budget of allocations, without the race detector
	go test -run Allocations ./handlers

.PHONY: generated
generated: ## Fail if db/ is not what sqlc writes
	$(SQLC) diff

.PHONY: prove
prove: generated ## Show that tenants are kept apart, and write docs/isolation.md; some minutes
	go run ./cmd/prove -isolation docs/isolation.md

.PHONY: prove-text
prove-text: ## Read every query, table, function and Go file, and run nothing
	go run ./cmd/prove

.PHONY: faults
faults: ## Crowd, kill, cut, fill and freeze, and write docs/faults.md; half an hour
	go run ./cmd/prove -faults docs/faults.md

.PHONY: faults-sample
faults-sample: ## Run a little of each of the faults
	go test -tags faults -count=1 -timeout 30m ./faults

.PHONY: recipe-check
recipe-check: ## Add a resource as README says, in a copy, and run what must then cover it; some minutes
	.ci/recipe

.PHONY: clients-check
clients-check: ## Lint the API's description, generate clients of it, and let them talk with the server; two minutes
	clients/check/run

.PHONY: lint
lint: ## Check format, vet, the rules of .golangci.yml, and the workflows
	@badly=$$(gofmt -l .); test -z "$$badly" || { echo "lint: gofmt -w these: $$badly" >&2; exit 1; }
	go vet ./...
	go vet -tags browser,faults,goosecli,backup,images ./handlers ./sql ./faults ./cmd/rowhouse
	$(GOLANGCI_LINT) run
	$(ACTIONLINT)

.PHONY: vulnerabilities
vulnerabilities: ## Ask the list of known vulnerabilities whether the program reaches one; needs vuln.go.dev
	$(GOVULNCHECK) ./...

.PHONY: goose-cli-check
goose-cli-check: ## Check that the plain goose CLI runs the migrations too
	go test -tags goosecli -run GooseCLI ./sql

.PHONY: backup-check
backup-check: ## Back up as docs/operations.md says, restore a dump and a point in time into new clusters and compare; needs PostgreSQL's own programs
	go test -tags backup -run TestBackup ./cmd/rowhouse

##@ Images and releases (docker is needed for docker-…)

.PHONY: release-files
release-files: ## Name the programs in BUILT/linux_amd64 and so on as a release does, with bills of materials and checksums: BUILT=… OUT=…
	@test -n '$(BUILT)' -a -n '$(OUT)' || { echo 'release-files: name both directories, BUILT and OUT' >&2; exit 2; }
	mkdir -p '$(OUT)'
	set -e; for platform in '$(BUILT)'/*/; do for program in "$$platform"*; do \
		name=$$(basename "$$program")-$$(basename "$$platform" | tr _ -); \
		cp "$$program" '$(OUT)'/"$$name"; \
		$(CYCLONEDX) bin -json -output '$(OUT)'/"$$name".cdx.json "$$program"; \
	done; done
	cd '$(OUT)' && sha256sum -- * >SHA256SUMS

.PHONY: images-check
images-check: ## Build what the images hold, twice, and run it as docker-compose.yml says, without a container engine; three minutes
	go test -tags images -count=1 -timeout 30m -run TestImages ./cmd/rowhouse

.PHONY: docker-build-api
docker-build-api: ## Build rowhouse-api, which serves
	docker build --target api --tag rowhouse-api .

.PHONY: docker-build-worker
docker-build-worker: ## Build rowhouse-worker, which works, and has nothing of the API
	docker build --target worker --tag rowhouse-worker .

.PHONY: docker-build-migrations
docker-build-migrations: ## Build rowhouse-migrations, which changes the schema and ends
	docker build --target migrations --tag rowhouse-migrations .

.PHONY: docker-build-all
docker-build-all: docker-build-api docker-build-worker docker-build-migrations ## Build all three

.PHONY: docker-up
docker-up: ## Build and start all of docker-compose.yml: PostgreSQL, migrations, API, worker and Mailpit
	@test -e .env || { echo 'docker-up: no .env: cp .env.sample .env, and fill in the three passwords and TOKEN_SIGNING_KEYS' >&2; exit 2; }
	docker compose up --build --detach

.PHONY: docker-logs
docker-logs: ## Follow their logs
	docker compose logs --follow

.PHONY: docker-down
docker-down: ## Stop and remove them; the data stay
	docker compose down
