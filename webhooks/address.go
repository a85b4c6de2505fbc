package webhooks

import (
	"errors"
	"net"
	"net/netip"
	"slices"
)

// errAddress is that of a name or an address that nothing is sent to. It does not tell whether there is such a name: that of a machine within the
// server's own network would be found out so.
var errAddress = errors.New("the name has no public address")

// refused are the addresses that nothing is sent to: those of IANA's special-purpose registries that are not reachable globally, those of
// multicast, and those that carry another address, which a router on the way would take out.
var refused = prefixes(
	"0.0.0.0/8",        // this network
	"10.0.0.0/8",       // private
	"100.64.0.0/10",    // shared by a provider's customers (CGNAT); some clouds have their metadata here
	"127.0.0.0/8",      // loopback
	"169.254.0.0/16",   // link-local, and the metadata of clouds
	"172.16.0.0/12",    // private
	"192.0.0.0/24",     // protocol assignments, and the metadata of one cloud
	"192.0.2.0/24",     // documentation
	"192.31.196.0/24",  // AS112
	"192.52.193.0/24",  // AMT
	"192.88.99.0/24",   // 6to4 relays
	"192.168.0.0/16",   // private
	"192.175.48.0/24",  // AS112
	"198.18.0.0/15",    // benchmarks
	"198.51.100.0/24",  // documentation
	"203.0.113.0/24",   // documentation
	"224.0.0.0/4",      // multicast
	"240.0.0.0/4",      // reserved, and broadcast
	"168.63.129.16/32", // the host of a cloud's virtual machines, at a public address

	"2001::/23",         // protocol assignments: Teredo, ORCHID, benchmarks
	"2001:db8::/32",     // documentation
	"2002::/16",         // 6to4
	"2620:4f:8000::/48", // AS112
	"3fff::/20",         // documentation
)

// unicast are the addresses of version 6 that are given out at all. Beyond it are loopback, link-local, site-local, unique local (fc00::/7, with the
// metadata of some clouds) and multicast ones, and those that carry one of version 4: mapped, compatible, translated, NAT64 (64:ff9b::/96 and
// 64:ff9b:1::/48).
var unicast = netip.MustParsePrefix("2000::/3")

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

// public says that an address is one that anybody may reach.
func public(ip netip.Addr) bool {
	ip = ip.Unmap()
	if !ip.IsValid() || ip.Zone() != "" || ip.Is6() && !unicast.Contains(ip) {
		return false
	}
	return !slices.ContainsFunc(refused, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// own says that an address is one of this machine's, which may be public. It asks each time: a machine gets and loses addresses. Where the machine
// does not tell, every address may be its own.
func own(ip netip.Addr) bool {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(addresses, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr().Unmap().WithZone("") == ip.Unmap()
	})
}
