package auth

import (
	"bytes"
	"strings"
	"testing"
)

// Secrets differ, have their shape, and are found by their hash.
func TestNewSecret(t *testing.T) {
	t.Parallel()
	one, hash := NewSecret("rt_")
	two, _ := NewSecret("rt_")
	if one == two {
		t.Error("two secrets are the same")
	}
	if !SecretShape(one, "rt_") || !bytes.Equal(hash, HashSecret(one)) || len(hash) != 32 {
		t.Errorf("%s: neither its shape nor its hash", one)
	}
}

// Only what NewSecret could have written has the shape.
func TestSecretShape(t *testing.T) {
	t.Parallel()
	secret, _ := NewSecret("rt_")
	zero := "rt_" + strings.Repeat("A", 43)
	if !SecretShape(zero, "rt_") {
		t.Errorf("%s: want the shape", zero)
	}
	for name, text := range map[string]string{
		"nothing":       "",
		"prefix only":   "rt_",
		"no prefix":     secret[3:],
		"other prefix":  "at_" + secret[3:],
		"short":         secret[:45],
		"long":          secret + "A",
		"padding":       secret + "=",
		"blank":         secret + " ",
		"line ends":     "rt_" + strings.Repeat("A", 40) + "\n\n\n",
		"not canonical": zero[:45] + "B",
		"standard":      "rt_" + strings.Repeat("+", 42) + "A",
	} {
		if SecretShape(text, "rt_") {
			t.Errorf("%s: %q has the shape", name, text)
		}
	}
}

// What is sealed opens with its key only, and only unchanged; the same text is never sealed the same way twice; and the
// key's stored hash does not open it.
func TestSeal(t *testing.T) {
	t.Parallel()
	key, hash := NewSecret("rt_")
	other, _ := NewSecret("rt_")
	plain, _ := NewSecret("rt_")
	sealed, err := Seal(key, plain)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Open(key, sealed); got != plain || err != nil {
		t.Errorf("got %q and %v, want %q", got, err, plain)
	}
	again, err := Seal(key, plain)
	if err != nil || bytes.Equal(sealed, again) || bytes.Contains(sealed, []byte(plain)) {
		t.Errorf("sealed twice: %x and %x, %v", sealed, again, err)
	}
	changed := bytes.Clone(sealed)
	changed[len(changed)-1]++
	for name, open := range map[string]struct {
		key    string
		sealed []byte
	}{
		"other key": {other, sealed},
		"its hash":  {string(hash), sealed},
		"no key":    {"", sealed},
		"changed":   {key, changed},
		"cut":       {key, sealed[:len(sealed)-1]},
		"short":     {key, sealed[:5]},
		"nothing":   {key, nil},
	} {
		if got, err := Open(open.key, open.sealed); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
	if _, err := Seal("", plain); err == nil {
		t.Error("sealed without a key")
	}
}
