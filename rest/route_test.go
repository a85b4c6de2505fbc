package rest

import "testing"

// An operation is called by its noun, which has as many words as the path's, and what is done to it.
func TestOperation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ pattern, handler, want string }{
		{"PATCH /items/:item_id", "itemUpdate", "item.update"},
		{"POST /items/import", "itemImport", "item.import"},
		{"POST /api-keys/revoke-all", "apiKeyRevokeAll", "api_key.revoke_all"},
		{"GET /audit-events", "auditEventList", "audit_event.list"},
		{"GET /gift-cards", "giftCardList", "gift_card.list"},
		{"POST /auth/switch-tenant", "sessionSwitchTenant", "session.switch_tenant"},
		{"GET /me/tenants", "accountTenantList", "account.tenant_list"},
		{"POST /users/me/leave", "userLeave", "user.leave"},
		{"GET /api-keys", "leave", "leave"},
	} {
		r := Route{Pattern: c.pattern, Endpoint: Endpoint{Name: c.handler}}
		if got := r.Operation(); got != c.want {
			t.Errorf("%s by %s: got %s, want %s", c.pattern, c.handler, got, c.want)
		}
	}
}
