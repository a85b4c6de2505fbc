package rest

import (
	"encoding/json"
	"testing"
)

// A rate is written as it is read; what is no share, or is finer than what is stored, is refused rather than rounded.
func TestRate(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"0", "1", "0.5", "0.0001", "0.9999", "0.1234"} {
		var rate Rate
		err := json.Unmarshal([]byte(text), &rate)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got, err := AppendJSON(nil, &rate); string(got) != text || err != nil {
			t.Errorf("%s: got %s and %v", text, got, err)
		}
	}
	for _, text := range []string{"-0.1", "1.0001", "0.00001", "0.12345", "1e9", `"0.5"`, "true", "NaN", "Inf"} {
		rate := Rate(0.25)
		if err := rate.UnmarshalJSON([]byte(text)); err == nil || rate != 0.25 {
			t.Errorf("%s is read, as %v", text, rate)
		}
	}
}
