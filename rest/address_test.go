package rest

import "testing"

// Who asks is the peer, or whom proxies that are trusted name in X-Forwarded-For, from the last one backwards; no other header counts.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	proxies, err := parseProxies([]string{"127.0.0.1", "10.0.0.0/8", "2001:db8::/32", "::ffff:192.0.2.0/120", "fe80::1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"198.51.100.1:80", nil, "198.51.100.1"},
		{"198.51.100.1:80", []string{"203.0.113.1"}, "198.51.100.1"},
		{"127.0.0.1:80", nil, "127.0.0.1"},
		{"127.0.0.1:80", []string{""}, "127.0.0.1"},
		{"127.0.0.1:80", []string{"203.0.113.1"}, "203.0.113.1"},
		{"127.0.0.1:80", []string{"203.0.113.9, 203.0.113.1"}, "203.0.113.1"},
		{"127.0.0.1:80", []string{"203.0.113.9", "203.0.113.1"}, "203.0.113.1"}, // a proxy that adds a line of its own
		{"127.0.0.1:80", []string{"203.0.113.9, 203.0.113.1,10.1.2.3\t, 10.0.0.1"}, "203.0.113.1"},
		{"127.0.0.1:80", []string{"10.0.0.7,10.0.0.1"}, "10.0.0.7"},
		{"127.0.0.1:80", []string{"nonsense"}, "127.0.0.1"},
		{"127.0.0.1:80", []string{"203.0.113.1, nonsense, 10.0.0.1"}, "10.0.0.1"},
		{"127.0.0.1:80", []string{"203.0.113.1, "}, "127.0.0.1"},
		{"127.0.0.1:80", []string{"203.0.113.1:4711"}, "127.0.0.1"},
		{"127.0.0.1:80", []string{"203.0.113.01"}, "127.0.0.1"},
		{"127.0.0.1:80", []string{"fe80::2%a admin item.delete x"}, "127.0.0.1"}, // a zone may be any text
		{"127.0.0.1:80", []string{"::ffff:203.0.113.1"}, "203.0.113.1"},
		{"[::ffff:127.0.0.1]:80", []string{"203.0.113.1"}, "203.0.113.1"},
		{"192.0.2.7:80", []string{"203.0.113.1"}, "203.0.113.1"},
		{"[2001:db8::1]:80", []string{"2001:DB9:0::7"}, "2001:db9::7"},
		{"[fe80::1%eth0]:80", []string{"203.0.113.1"}, "203.0.113.1"},
		{"[fe80::2%eth0]:80", []string{"203.0.113.1"}, "fe80::2%eth0"},
		{"@", []string{"203.0.113.1"}, ""},
	} {
		if got := clientAddress(c.peer, c.forwarded, proxies); got != c.want {
			t.Errorf("%s, %q: got %q, want %q", c.peer, c.forwarded, got, c.want)
		}
	}
	if _, err := parseProxies([]string{"10.0.0.0/8", "nonsense"}); err == nil {
		t.Error("nonsense is no proxy")
	}
}

// Whoever has a /64 of IPv6 addresses is counted once, and an IPv4 address is the same in either writing.
func TestSubscriber(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"203.0.113.1": "203.0.113.1", "::ffff:203.0.113.1": "203.0.113.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::": "2001:db8:1:2::/64",
		"2001:db8:1:3::": "2001:db8:1:3::/64", "fe80::1%eth0": "fe80::/64", "::1": "::/64", "": "",
	} {
		if got := subscriber(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}
