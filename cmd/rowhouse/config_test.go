package main

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/google/go-cmp/cmp"

	"rowhouse/auth"
)

// variables are the names of config's fields in the environment.
func variables(t *testing.T) []string {
	t.Helper()
	params, err := env.GetFieldParams(&config{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range params {
		names = append(names, p.Key)
	}
	return names
}

// read is the text of a file of the project.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// sample is what .env.sample sets.
func sample(t *testing.T) (names []string, values vars) {
	t.Helper()
	values = vars{}
	for line := range strings.Lines(read(t, ".env.sample")) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, _ := strings.Cut(line, "=")
		names, values[name] = append(names, name), value
	}
	return names, values
}

// unique sorts names and drops repetitions.
func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// composed are the variables that docker-compose.yml takes from .env.
func composed(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, match := range regexp.MustCompile(`\$\{(\w+)`).FindAllStringSubmatch(read(t, "docker-compose.yml"), -1) {
		names = append(names, match[1])
	}
	return names
}

// .env.sample lists what is read, by the program, by docker-compose.yml and by localpg, and nothing else, each once and
// under a comment.
func TestSampleNames(t *testing.T) {
	t.Parallel()
	got, _ := sample(t)
	slices.Sort(got)
	want := unique(slices.Concat(variables(t), composed(t), []string{"PG_BIN", "ROWHOUSE_PG_MIRROR"}))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-read +in .env.sample):\n%s", diff)
	}
	for block := range strings.SplitSeq(read(t, ".env.sample"), "\n\n") {
		if !strings.HasPrefix(block, "# ") {
			t.Errorf("no comment explains %q", block)
		}
	}
}

// The values of .env.sample are the defaults: copying it changes nothing.
func TestSampleValues(t *testing.T) {
	t.Parallel()
	_, values := sample(t)
	got, err := parseConfig(values)
	if err != nil {
		t.Fatal(err)
	}
	want, err := parseConfig(nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(config{}), cmp.Comparer(func(a, b auth.HookSecret) bool { return a.IsZero() == b.IsZero() }), cmp.Comparer(func(a, b []string) bool { return len(a) == 0 && len(b) == 0 || slices.Equal(a, b) })); diff != "" {
		t.Errorf("(-default +sample):\n%s", diff)
	}
}

// The services of docker-compose.yml that hold the server's login hand on every variable, each what it reads, but the owner's, which neither must hold.
func TestComposeNames(t *testing.T) {
	t.Parallel()
	var handed []string
	for _, service := range []string{"api", "worker"} {
		_, rest, _ := strings.Cut(read(t, "docker-compose.yml"), "\n  "+service+":\n")
		text, _, _ := strings.Cut(rest, "\n    depends_on:")
		_, text, _ = strings.Cut(text, "\n    environment:")
		for _, match := range regexp.MustCompile(`(?m)^ {6}(\w+):`).FindAllStringSubmatch(text, -1) {
			handed = append(handed, match[1])
		}
		if strings.Contains(text, "OWNER") || strings.Contains(text, "POSTGRES_PASSWORD") {
			t.Errorf("%s holds the password of the owner or the superuser:%s", service, text)
		}
	}
	want := slices.DeleteFunc(variables(t), func(name string) bool { return name == "DATABASE_MIGRATION_URL" })
	slices.Sort(want)
	if diff := cmp.Diff(want, unique(handed)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A demonstration, whose passwords are public, listens on its own machine alone unless it is told otherwise.
func TestDevConfig(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		env                  vars
		wantAddr, wantFormat string
	}{
		{vars{}, "localhost:8080", "text"},
		{vars{"HTTP_ADDR": "", "LOG_FORMAT": ""}, "localhost:8080", "text"},
		{vars{"HTTP_ADDR": ":80", "LOG_FORMAT": "json"}, ":80", "json"},
	} {
		got, err := devConfig(c.env)
		if err != nil || got.HTTPAddr != c.wantAddr || got.LogFormat != c.wantFormat {
			t.Errorf("%v: got %s, %s, %v", c.env, got.HTTPAddr, got.LogFormat, err)
		}
	}
}

// canary is a secret that must not be repeated.
const canary = "Hunter2Hunter2"

// A configuration that is wrong everywhere is refused with a line for each variable, and no secret is in any.
func TestConfigListsAll(t *testing.T) {
	t.Parallel()
	wrong := vars{
		"DATABASE_URL":           "postgres://rowhouse_server:" + canary + "@db:port/rowhouse",
		"DATABASE_MIGRATION_URL": "user=rowhouse_owner password=" + canary + " port=many",
		"HTTP_ADDR":              "8080",
		"PUBLIC_URL":             "api.example.com",
		"APP_URL":                "app.example.com",
		"TOKEN_SIGNING_KEYS":     auth.GenerateKey() + "," + canary + ":" + canary,
		"ACCESS_TOKEN_TTL":       "ten minutes",
		"REFRESH_TOKEN_TTL":      "-1h",
		"REGISTRATION":           "yes",
		"TENANT_GRACE":           "2 weeks",
		"CORS_ORIGINS":           "*",
		"TRUSTED_PROXIES":        "proxy.example.com",
		"BODY_LIMIT":             "1MB",
		"IMPORT_LIMIT":           "much",
		"SMTP_URL":               "smtp://rowhouse:" + canary + "@mail.example.com", // from whom?
		"OIDC_ISSUERS":           "id.example.com https://id.example.com?audience=a&secret=" + canary[:4],
		"CLERK_ISSUER":           "clerk.example.com",
		"CLERK_AUDIENCE":         "a,",
		"CLERK_PARTIES":          ",https://app.example.com",
		"CLERK_JWKS_URL":         "http://clerk.example.com/keys",
		"CLERK_TENANT_CLAIM":     "/o/~2",
		"CLERK_WEBHOOK_SECRET":   canary,
		"RATE_LIMIT_REQUESTS":    "many",
		"RATE_LIMIT_LOGIN":       "10",
		"RATE_LIMIT_LOGIN_FROM":  "100/5",
		"RATE_LIMIT_REGISTER":    "120/0s",
		"RATE_LIMIT_GUESS":       "-60/10m",
		"RATE_LIMIT_MAIL":        "5/15",
		"RATE_LIMIT_MAIL_FROM":   "60 a day",
		"RATE_LIMIT_MAIL_TENANT": "300",
		"LOG_LEVEL":              "loud",
		"LOG_FORMAT":             "xml",
		"LOG_SAMPLE":             "10%",
		"METRICS_ADDR":           "9100",

		"OTEL_EXPORTER_OTLP_ENDPOINT":        "http://rowhouse:" + canary + "@collector.example.com",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "collector.example.com:4317",
		"OTEL_EXPORTER_OTLP_HEADERS":         "api-key=" + canary + "," + canary,
		"OTEL_TRACES_SAMPLER":                "sometimes",
		"OTEL_TRACES_SAMPLER_ARG":            "10%",
	}
	_, err := parseConfig(wrong)
	if err == nil {
		t.Fatal("it was taken")
	}
	var got []string
	for line := range strings.Lines(err.Error()) {
		name, explanation, _ := strings.Cut(line, ": ")
		if strings.TrimSpace(explanation) == "" {
			t.Errorf("%q explains nothing", line)
		}
		got = append(got, name)
	}
	slices.Sort(got)
	if diff := cmp.Diff(unique(variables(t)), got); diff != "" {
		t.Errorf("lines (-want +got):\n%s\nof\n%v", diff, err)
	}
	key, _, _ := strings.Cut(wrong["TOKEN_SIGNING_KEYS"], ",")
	for _, secret := range []string{canary, key} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("it repeats a secret:\n%v", err)
		}
	}
}

// Each variable takes what it should and refuses what it should not.
func TestConfigValues(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		take    []string
		refuses []string
	}{
		{"DATABASE_URL", []string{"postgres://a:b@h:5432/d?pool_max_conns=9", "postgresql://a@/d?host=/run/pg", "host=h user=a"}, []string{"mysql://h/d", "postgres://h:x/d"}},
		{"HTTP_ADDR", []string{":0", "127.0.0.1:80", "[::1]:80"}, []string{"80", "127.0.0.1", "::1:80"}},
		{"PUBLIC_URL", []string{"https://a.example", "http://a.example:8/b/", "https://a.example/%C3%BC"}, []string{"//a.example", "ftp://a.example", "https://a.example?x", "https://a.example#x", "https://", "https://u:p@a.example", "https://a.example/ü"}},
		{"APP_URL", []string{"https://a.example", "http://localhost:3000/app/"}, []string{"a.example", "https://a.example#x"}},
		{"SMTP_URL", []string{"smtp://h?from=a@b.example", "smtps://u:p@h:465?from=a@b.example"}, []string{"h:587", "http://h?from=a@b.example", "smtp://h", "smtp://h:x?from=a@b.example", "smtp://u@h?from=a@b.example"}},
		{"OIDC_ISSUERS", []string{
			"https://id.example/realms/a?audience=api", "http://localhost:9998/?azp=a,b&algorithms=ES256,EdDSA&jwks_url=http://127.0.0.1:1/k&tenant_claim=/o/id",
			"https://a.example?audience=x  https://b.example?azp=y&tenant_claim=https://c.example/tenant",
		}, []string{
			"https://id.example", "https://id.example?audience=", "http://id.example?audience=a", "https://u:p@id.example?audience=a", "https://id.example#x?audience=a",
			"https://id.example?audience=a&algorithms=HS256", "https://id.example?audience=a&algorithms=none", "https://id.example?audience=a&jwks_url=http://k.example",
			"https://id.example?audience=a&tenant_claim=a&tenant_claim=b", "https://id.example?audience=a&audiences=b", "https://id.example?audience=%",
			"https://id.example?audience=a https://id.example?audience=b", "https://id.example?audience=a&tenant_claim=/a~",
		}},
		{"CLERK_WEBHOOK_SECRET", []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, []string{"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_MfKQ", "whsec_*"}},
		{"CLERK_PARTIES", nil, []string{"https://app.example"}}, // of whom?
		{"RATE_LIMIT_LOGIN", []string{"1/1s", "0", ""}, []string{"1", "1/25h"}},
		{"TOKEN_SIGNING_KEYS", []string{auth.GenerateKey(), auth.GenerateKey() + "," + auth.GenerateKey()}, []string{"x", "kid:", auth.GenerateKey() + ","}},
		{"ACCESS_TOKEN_TTL", []string{"1s", "1h"}, []string{"999ms", "61m", "10", "-1m"}},
		{"REFRESH_TOKEN_TTL", []string{"10m", "8760h"}, []string{"9m59s", "1d"}},
		{"TENANT_GRACE", []string{"0s", "720h", "8760h"}, []string{"-1s", "8761h", "30d"}},
		{"REGISTRATION", []string{"open", "closed"}, []string{"Open", "true"}},
		{"CORS_ORIGINS", []string{"https://a.example,http://localhost:3000"}, []string{"*", "https://*.example", "https://a.example/", "a.example", "https://a.example,", "null"}},
		{"TRUSTED_PROXIES", []string{"10.0.0.0/8,::1", "127.0.0.1"}, []string{"10.0.0.0/33", "proxy", "10.0.0.1,"}},
		{"LOG_LEVEL", []string{"debug", "INFO", "warn", "error"}, []string{"trace"}},
		{"LOG_FORMAT", []string{"json", "text"}, []string{"JSON"}},
		{"LOG_SAMPLE", []string{"1", "0.001", ""}, []string{"0", "-0.1", "1.1", "NaN", "all"}},
		{"METRICS_ADDR", []string{"localhost:9100", ":0", ""}, []string{"9100", "localhost"}},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", []string{"http://localhost:4318", "https://otlp.example/v1/", ""}, []string{"localhost:4318", "grpc://localhost:4317", "https://u:p@otlp.example"}},
		{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", []string{"http://localhost:4318/v1/traces"}, []string{"/v1/traces"}},
		{"OTEL_EXPORTER_OTLP_HEADERS", []string{"a=b", "authorization=Bearer%20x,b=c", ""}, []string{"a", "=b", "a=b,", "a b=c", "a=%0A", "a=%"}},
		{"OTEL_TRACES_SAMPLER", []string{"always_on", "parentbased_traceidratio", ""}, []string{"Always", "jaeger_remote"}},
		{"OTEL_TRACES_SAMPLER_ARG", []string{"0", "0.25", "1"}, []string{"-1", "2", "NaN", "x"}},
	} {
		for _, value := range c.take {
			if _, err := parseConfig(vars{c.name: value}); err != nil {
				t.Errorf("%s=%s is refused: %v", c.name, value, err)
			}
		}
		for _, value := range c.refuses {
			if _, err := parseConfig(vars{c.name: value}); err == nil || !strings.HasPrefix(err.Error(), c.name+": ") {
				t.Errorf("%s=%s: got %v", c.name, value, err)
			}
		}
	}
}

// Clerk is an issuer as the others are, and its keys are where it has them; the same issuer is not named twice.
func TestConfigClerk(t *testing.T) {
	t.Parallel()
	c, err := parseConfig(vars{"CLERK_ISSUER": "https://clerk.example.com", "CLERK_PARTIES": "https://app.example.com,https://www.example.com", "CLERK_TENANT_CLAIM": "tenant"})
	if err != nil {
		t.Fatal(err)
	}
	want := []auth.Issuer{{
		Name: "clerk", URL: "https://clerk.example.com", Parties: []string{"https://app.example.com", "https://www.example.com"},
		KeysURL: "https://clerk.example.com/.well-known/jwks.json", TenantClaim: "tenant",
	}}
	if diff := cmp.Diff(want, c.issuers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, wrong := range []vars{
		{"CLERK_ISSUER": "https://clerk.example.com"}, // for whom?
		{"CLERK_ISSUER": "https://clerk.example.com", "CLERK_AUDIENCE": "a", "OIDC_ISSUERS": "https://clerk.example.com?audience=a"},
	} {
		if _, err := parseConfig(wrong); err == nil || !strings.HasPrefix(err.Error(), "CLERK_ISSUER: ") {
			t.Errorf("%v: got %v", wrong, err)
		}
	}
}

// A size is a whole number of bytes, KiB or MiB.
func TestSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]size{"1": 1, "1048576": 1 << 20, "2KiB": 2 << 10, "64MiB": 64 << 20, "3 MiB": 3 << 20, "2147483647MiB": 2147483647 << 20} {
		var got size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "MiB", "1MB", "1kib", "1.5MiB", "1MiBKiB", "1KiBMiB", "1GiB", "1e6", "0x10", "9999999999"} {
		var got size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %d", text, got)
		}
	}
}

// A limit is how often in which time, whole seconds up to a day; or 0, for none.
func TestLimit(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]limit{
		"10/5m": {10, 5 * time.Minute}, "1/1s": {1, time.Second}, "2147483647/24h": {2147483647, 24 * time.Hour}, "3/1h30m": {3, 90 * time.Minute}, "0": {},
	} {
		got := limit{1, 1}
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "10", "10/", "/5m", "/", "10/5", "10/m", "0/5m", "-1/5m", "10/-5m", "10/0s", "10/999ms", "10/1500ms", "10/24h1s", "2147483648/1m", "1.5/1m", "10 / 5m",
		"10/5m/2", "00", "none",
	} {
		var got limit
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken for %v", text, got)
		}
	}
}

// Every field of config is read from the environment, so that the tests above know of it.
func TestConfigFields(t *testing.T) {
	t.Parallel()
	for i := range reflect.TypeFor[config]().NumField() {
		if f := reflect.TypeFor[config]().Field(i); f.IsExported() && f.Tag.Get("env") == "" {
			t.Errorf("%s has no variable", f.Name)
		} else if f.IsExported() && environmentName(f.Name) != f.Tag.Get("env") {
			t.Errorf("a problem of %s would be told as one of %s", f.Tag.Get("env"), environmentName(f.Name))
		}
	}
}
