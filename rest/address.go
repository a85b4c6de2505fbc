package rest

import (
	"net/netip"
	"strings"
)

// parseProxies reads addresses and CIDRs.
func parseProxies(list []string) (proxies []netip.Prefix, err error) {
	for _, text := range list {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			address, err := netip.ParseAddr(text)
			if err != nil {
				return nil, err
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		if mapped := prefix.Addr(); mapped.Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(mapped.Unmap(), prefix.Bits()-96)
		}
		proxies = append(proxies, prefix)
	}
	return proxies, nil
}

// clientAddress is whom a request comes from: the peer of the connection, or where that is one of the proxies, whom its entry in
// X-Forwarded-For names, and so on backwards. Nothing before an entry that cannot be read, or of somebody who is no proxy, is
// believed. It is empty for a connection without addresses, such as a Unix socket's.
func clientAddress(peer string, forwarded []string, proxies []netip.Prefix) string {
	at, err := netip.ParseAddrPort(peer)
	if err != nil {
		return ""
	}
	client := at.Addr().Unmap()
	list := strings.Join(forwarded, ",")
	for list != "" && isProxy(client, proxies) {
		var entry string
		entry, list = list[strings.LastIndexByte(list, ',')+1:], list[:max(0, strings.LastIndexByte(list, ','))]
		told, err := netip.ParseAddr(strings.Trim(entry, " \t"))
		if err != nil || told.Zone() != "" { // a zone is any text, and means something on its own machine alone
			break
		}
		client = told.Unmap()
	}
	return client.String()
}

func isProxy(address netip.Addr, proxies []netip.Prefix) bool {
	address = address.WithZone("")
	for _, prefix := range proxies {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// subscriberBits of an IPv6 address are what one subscriber is given at the least: the rest he chooses himself, anew for each request
// if he likes.
const subscriberBits = 64

// subscriber is what attempts from an address are counted under.
func subscriber(address string) string {
	at, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if at = at.Unmap().WithZone(""); at.Is4() {
		return at.String()
	}
	return netip.PrefixFrom(at, subscriberBits).Masked().String()
}
