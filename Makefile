# Tools are pinned: what they write and what they object to must not depend on the day.
SQLC          := go run github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1
BENCHSTAT     := go run golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

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

.DEFAULT_GOAL := help

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Serve a demonstration, with a PostgreSQL of its own
	./rowhouse dev

.PHONY: build
build: ## Build ./rowhouse
	CGO_ENABLED=0 go build -trimpath -tags nomsgpack -o rowhouse ./cmd/rowhouse # gin would bring a fifth of the binary for it

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
	go test -tags faults -count=1 ./faults

.PHONY: recipe-check
recipe-check: ## Add a resource as README says, in a copy, and run what must then cover it; some minutes
	.ci/recipe

.PHONY: clients-check
clients-check: ## Lint the API's description, generate clients of it, and let them talk with the server; two minutes
	clients/check/run

.PHONY: lint
lint: ## Check format, vet and the rules of .golangci.yml
	@badly=$$(gofmt -l .); test -z "$$badly" || { echo "lint: gofmt -w these: $$badly" >&2; exit 1; }
	go vet ./...
	go vet -tags browser,faults,goosecli,backup ./handlers ./sql ./faults ./cmd/rowhouse
	$(GOLANGCI_LINT) run

.PHONY: goose-cli-check
goose-cli-check: ## Check that the plain goose CLI runs the migrations too
	go test -tags goosecli -run GooseCLI ./sql

.PHONY: backup-check
backup-check: ## Back up as docs/operations.md says, restore into a new cluster and compare; needs pg_dump and psql
	go test -tags backup -run TestBackup ./cmd/rowhouse
