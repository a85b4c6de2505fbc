package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/net/http/httpguts"

	"rowhouse/auth"
	"rowhouse/handlers"
	"rowhouse/jobs"
	"rowhouse/mail"
	"rowhouse/rest"
)

// config is the environment, as .env.sample explains it.
type config struct {
	DatabaseURL          string        `env:"DATABASE_URL"`
	DatabaseMigrationURL string        `env:"DATABASE_MIGRATION_URL"`
	HTTPAddr             string        `env:"HTTP_ADDR" envDefault:":8080"`
	PublicURL            string        `env:"PUBLIC_URL"`
	AppURL               string        `env:"APP_URL"`
	TokenSigningKeys     string        `env:"TOKEN_SIGNING_KEYS"`
	AccessTokenTTL       time.Duration `env:"ACCESS_TOKEN_TTL" envDefault:"10m"`
	RefreshTokenTTL      time.Duration `env:"REFRESH_TOKEN_TTL" envDefault:"720h"`
	Registration         string        `env:"REGISTRATION" envDefault:"open"`
	TenantGrace          time.Duration `env:"TENANT_GRACE" envDefault:"720h"`
	CORSOrigins          []string      `env:"CORS_ORIGINS"`
	TrustedProxies       []string      `env:"TRUSTED_PROXIES"`
	BodyLimit            size          `env:"BODY_LIMIT" envDefault:"1MiB"`
	ImportLimit          size          `env:"IMPORT_LIMIT" envDefault:"64MiB"`
	SMTPURL              string        `env:"SMTP_URL"`
	OIDCIssuers          string        `env:"OIDC_ISSUERS"`
	ClerkIssuer          string        `env:"CLERK_ISSUER"`
	ClerkAudience        []string      `env:"CLERK_AUDIENCE"`
	ClerkParties         []string      `env:"CLERK_PARTIES"`
	ClerkJWKSURL         string        `env:"CLERK_JWKS_URL"`
	ClerkTenantClaim     string        `env:"CLERK_TENANT_CLAIM"`
	ClerkWebhookSecret   string        `env:"CLERK_WEBHOOK_SECRET"`
	RateLimitRequests    limit         `env:"RATE_LIMIT_REQUESTS" envDefault:"1000000/1m"`
	RateLimitLogin       limit         `env:"RATE_LIMIT_LOGIN" envDefault:"10/5m"`
	RateLimitLoginFrom   limit         `env:"RATE_LIMIT_LOGIN_FROM" envDefault:"100/5m"`
	RateLimitRegister    limit         `env:"RATE_LIMIT_REGISTER" envDefault:"120/10m"`
	RateLimitGuess       limit         `env:"RATE_LIMIT_GUESS" envDefault:"60/10m"`
	RateLimitMail        limit         `env:"RATE_LIMIT_MAIL" envDefault:"5/15m"`
	RateLimitMailFrom    limit         `env:"RATE_LIMIT_MAIL_FROM" envDefault:"60/15m"`
	RateLimitMailTenant  limit         `env:"RATE_LIMIT_MAIL_TENANT" envDefault:"300/1h"`
	LogLevel             slog.Level    `env:"LOG_LEVEL" envDefault:"info"`
	LogFormat            string        `env:"LOG_FORMAT" envDefault:"json"`
	LogSample            float64       `env:"LOG_SAMPLE" envDefault:"1"`
	MetricsAddr          string        `env:"METRICS_ADDR"`

	// The sampler reads its own by itself.
	OTelExporterOTLPEndpoint       string   `env:"OTEL_EXPORTER_OTLP_ENDPOINT"`
	OTelExporterOTLPTracesEndpoint string   `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"`
	OTelExporterOTLPHeaders        []string `env:"OTEL_EXPORTER_OTLP_HEADERS"`
	OTelTracesSampler              string   `env:"OTEL_TRACES_SAMPLER"`
	OTelTracesSamplerArg           string   `env:"OTEL_TRACES_SAMPLER_ARG"`

	keys []auth.SigningKey
	mail mail.Sender // nil: nowhere

	collector       string // of traces; empty: nowhere
	collectorHeader http.Header

	loopback bool // webhooks may be on this very machine: of rowhouse dev alone

	issuers []auth.Issuer
	clerk   auth.HookSecret
}

// limit is how often something may be done in a window of time, such as 10/5m; 0 for as often as one likes.
type limit rest.Limit

const maxWindow = 24 * time.Hour

// maxGrace is how long a tenant that was given up may stay: a year.
const maxGrace = 365 * 24 * time.Hour

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *limit) UnmarshalText(text []byte) error {
	if string(text) == "0" {
		*l = limit{}
		return nil
	}
	number, window, _ := strings.Cut(string(text), "/")
	times, err := strconv.ParseInt(number, 10, 32)
	span, windowErr := time.ParseDuration(window)
	if err != nil || windowErr != nil || times < 1 || span < time.Second || span > maxWindow || span%time.Second != 0 {
		return errors.New("write how often and in which time, whole seconds from 1s to 24h, such as 10/5m; or 0 for no limit")
	}
	*l = limit{int32(times), span}
	return nil
}

// size is a number of bytes, written plainly or with KiB or MiB.
type size int64

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *size) UnmarshalText(text []byte) error {
	number, unit := string(text), int64(1)
	if rest, ok := strings.CutSuffix(number, "KiB"); ok {
		number, unit = rest, 1<<10
	} else if rest, ok := strings.CutSuffix(number, "MiB"); ok {
		number, unit = rest, 1<<20
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 32)
	if err != nil || n <= 0 {
		return errors.New("write a number of bytes, such as 1048576 or 1MiB")
	}
	*s = size(n * unit)
	return nil
}

// loadConfig reads the environment.
func loadConfig() (config, error) { return parseConfig(env.ToMap(os.Environ())) }

// parseConfig lists everything that is wrong at once, and repeats no secret in it.
func parseConfig(environment map[string]string) (config, error) {
	c, err := env.ParseAsWithOptions[config](env.Options{Environment: environment})
	var errs []error
	said := map[string]bool{}
	wrong := func(name, format string, args ...any) {
		if !said[name] { // what could not be read is not also out of bounds
			errs = append(errs, fmt.Errorf(name+": "+format, args...))
		}
		said[name] = true
	}
	var several env.AggregateError
	if errors.As(err, &several) {
		for _, e := range several.Errors {
			var parse env.ParseError
			if errors.As(e, &parse) {
				wrong(environmentName(parse.Name), "%v", parse.Err)
			} else {
				errs = append(errs, e)
			}
		}
	} else if err != nil {
		errs = append(errs, err)
	}
	database := func(name, url string) {
		if _, err := pgconn.ParseConfig(url); url != "" && err != nil {
			wrong(name, "not a PostgreSQL URL such as postgres://user:password@host:5432/database")
		}
	}
	database("DATABASE_URL", c.DatabaseURL)
	database("DATABASE_MIGRATION_URL", c.DatabaseMigrationURL)
	if _, _, err := net.SplitHostPort(c.HTTPAddr); err != nil {
		wrong("HTTP_ADDR", "write host:port or :port")
	}
	address := func(name string, at *string) {
		u, err := url.Parse(*at)
		if *at != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.String() != *at) {
			wrong(name, "write an address such as https://api.example.com, without a password, and with %%C3%%BC for ü")
		}
		*at = strings.TrimRight(*at, "/")
	}
	address("PUBLIC_URL", &c.PublicURL)
	address("APP_URL", &c.AppURL)
	if c.SMTPURL != "" {
		if c.mail, err = mail.SMTP(c.SMTPURL); err != nil {
			wrong("SMTP_URL", "%v", err)
		}
	}
	if c.issuers, err = auth.ParseIssuers(c.OIDCIssuers); err != nil {
		wrong("OIDC_ISSUERS", "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	c.clerkIssuer(wrong)
	if c.ClerkWebhookSecret != "" {
		if c.clerk, err = auth.ParseHookSecret(c.ClerkWebhookSecret); err != nil {
			wrong("CLERK_WEBHOOK_SECRET", "%v", err)
		}
	}
	if c.TokenSigningKeys != "" {
		if c.keys, err = auth.ParseKeys(c.TokenSigningKeys); err != nil {
			wrong("TOKEN_SIGNING_KEYS", "%v; rowhouse keys rotate prints one", err)
		}
	}
	if c.AccessTokenTTL < time.Second || c.AccessTokenTTL > auth.MaxTokenTime {
		wrong("ACCESS_TOKEN_TTL", "from 1s to %v", auth.MaxTokenTime)
	}
	if c.RefreshTokenTTL < c.AccessTokenTTL {
		wrong("REFRESH_TOKEN_TTL", "not shorter than ACCESS_TOKEN_TTL")
	}
	if c.TenantGrace < 0 || c.TenantGrace > maxGrace {
		wrong("TENANT_GRACE", "from 0s to %v", maxGrace)
	}
	if c.Registration != "open" && c.Registration != "closed" {
		wrong("REGISTRATION", "open or closed")
	}
	for _, origin := range c.CORSOrigins {
		if u, err := url.Parse(origin); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Contains(u.Host, "*") || u.Scheme+"://"+u.Host != origin {
			wrong("CORS_ORIGINS", "list exact origins such as https://app.example.com, separated by commas; * is refused")
			break
		}
	}
	for _, proxy := range c.TrustedProxies {
		_, addrErr := netip.ParseAddr(proxy)
		_, prefixErr := netip.ParsePrefix(proxy)
		if addrErr != nil && prefixErr != nil {
			wrong("TRUSTED_PROXIES", "list addresses or CIDRs such as 10.0.0.0/8, separated by commas")
			break
		}
	}
	if c.LogFormat != "json" && c.LogFormat != "text" {
		wrong("LOG_FORMAT", "json or text")
	}
	if !(c.LogSample > 0 && c.LogSample <= 1) {
		wrong("LOG_SAMPLE", "a part of the requests, more than 0 and at most 1, such as 0.1")
	}
	if _, _, err := net.SplitHostPort(c.MetricsAddr); c.MetricsAddr != "" && err != nil {
		wrong("METRICS_ADDR", "write host:port or :port, an address that only you reach")
	}
	c.traces(wrong)
	return c, errors.Join(errs...)
}

// samplers are those of OTEL_TRACES_SAMPLER.
var samplers = []string{"always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"}

// traces is where traces go, and says what is wrong with that, and with what part of them is kept: the library would tell of it where nobody looks, and go
// on.
func (c *config) traces(wrong func(name, format string, args ...any)) {
	for name, at := range map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.OTelExporterOTLPEndpoint, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": c.OTelExporterOTLPTracesEndpoint} {
		if u, err := url.Parse(at); at != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil) {
			wrong(name, "write an address such as http://localhost:4318, of OTLP over HTTP, without a password: that goes into OTEL_EXPORTER_OTLP_HEADERS")
		}
	}
	c.collector = c.OTelExporterOTLPTracesEndpoint
	if c.collector == "" && c.OTelExporterOTLPEndpoint != "" {
		c.collector = strings.TrimRight(c.OTelExporterOTLPEndpoint, "/") + "/v1/traces"
	}
	c.collectorHeader = http.Header{}
	for _, header := range c.OTelExporterOTLPHeaders {
		name, value, _ := strings.Cut(header, "=")
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if name = strings.TrimSpace(name); err != nil || !httpguts.ValidHeaderFieldName(name) || value == "" || !httpguts.ValidHeaderFieldValue(value) {
			wrong("OTEL_EXPORTER_OTLP_HEADERS", "list name=value, separated by commas, with %%20 for a blank")
			continue
		}
		c.collectorHeader.Set(name, value)
	}
	if c.OTelTracesSampler != "" && !slices.Contains(samplers, c.OTelTracesSampler) {
		wrong("OTEL_TRACES_SAMPLER", "one of %s", strings.Join(samplers, ", "))
	}
	if part, err := strconv.ParseFloat(c.OTelTracesSamplerArg, 64); c.OTelTracesSamplerArg != "" && (err != nil || !(part >= 0 && part <= 1)) {
		wrong("OTEL_TRACES_SAMPLER_ARG", "a part of the traces, from 0 to 1")
	}
}

// clerkIssuer adds Clerk to the issuers, and says what is wrong with what is said of it.
func (c *config) clerkIssuer(wrong func(name, format string, args ...any)) {
	clerk := auth.Issuer{
		Name: handlers.Clerk, URL: c.ClerkIssuer, Audiences: c.ClerkAudience, Parties: c.ClerkParties,
		KeysURL: c.ClerkJWKSURL, TenantClaim: c.ClerkTenantClaim,
	}
	if c.ClerkIssuer == "" {
		for name, given := range map[string]bool{
			"CLERK_AUDIENCE": len(c.ClerkAudience) > 0, "CLERK_PARTIES": len(c.ClerkParties) > 0,
			"CLERK_JWKS_URL": c.ClerkJWKSURL != "", "CLERK_TENANT_CLAIM": c.ClerkTenantClaim != "",
		} {
			if given {
				wrong(name, "of what CLERK_ISSUER issues, which is not set")
			}
		}
		return
	}
	if clerk.KeysURL == "" && clerk.URL != "" {
		clerk.KeysURL = strings.TrimRight(clerk.URL, "/") + "/.well-known/jwks.json" // where each of Clerk's instances has them
	}
	for _, problem := range clerk.Problems() {
		wrong(map[string]string{
			"issuer": "CLERK_ISSUER", "audience": "CLERK_AUDIENCE", "azp": "CLERK_PARTIES", "jwks_url": "CLERK_JWKS_URL", "tenant_claim": "CLERK_TENANT_CLAIM",
		}[problem.Setting], "%s", problem.Text)
	}
	if slices.ContainsFunc(c.issuers, func(other auth.Issuer) bool { return other.URL == clerk.URL }) {
		wrong("CLERK_ISSUER", "OIDC_ISSUERS has this address too")
	}
	c.issuers = append(c.issuers, clerk)
}

// environmentName is the variable of a field of config.
func environmentName(field string) string {
	names, _ := env.GetFieldParams(&config{})
	want := strings.ToLower(field)
	for _, p := range names {
		if strings.ReplaceAll(strings.ToLower(p.Key), "_", "") == want {
			return p.Key
		}
	}
	return field
}

// required adds what serve cannot do without.
func (c *config) required() error {
	var errs []error
	if c.DatabaseURL == "" {
		errs = append(errs, errors.New("DATABASE_URL: name the server's login (rowhouse dev needs none)"))
	}
	if c.TokenSigningKeys == "" {
		errs = append(errs, errors.New("TOKEN_SIGNING_KEYS: rowhouse keys rotate prints one"))
	}
	return errors.Join(errs...)
}

func (c *config) worker() jobs.Config {
	return jobs.Config{
		DatabaseURL: c.DatabaseURL,
		AppURL:      c.AppURL,
		Mail:        rest.Limit(c.RateLimitMail),
		MailTenant:  rest.Limit(c.RateLimitMailTenant),
	}
}

func (c *config) logger() *slog.Logger {
	options := &slog.HandlerOptions{Level: c.LogLevel}
	if c.LogFormat == "text" {
		return slog.New(slog.NewTextHandler(os.Stderr, options))
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, options))
}
