// Package check holds the conversation of a Go client with the server. It is compiled beside the clients that run generates.
package check

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/ogen-go/ogen/ogenerrors"

	"check/ogen"
)

// credentials are what a client sends: a token or a key, and with a token that is not bound the tenant.
type credentials struct {
	token, key string
	tenant     ogen.OptTenantID
}

func (c *credentials) AccessToken(context.Context, ogen.OperationName) (ogen.AccessToken, error) {
	if c.token == "" {
		return ogen.AccessToken{}, ogenerrors.ErrSkipClientSecurity
	}
	return ogen.AccessToken{Token: c.token}, nil
}

func (c *credentials) KeyHeader(context.Context, ogen.OperationName) (ogen.KeyHeader, error) {
	if c.key == "" {
		return ogen.KeyHeader{}, ogenerrors.ErrSkipClientSecurity
	}
	return ogen.KeyHeader{APIKey: c.key}, nil
}

func client(t *testing.T, c *credentials) *ogen.Client {
	t.Helper()
	made, err := ogen.NewClient(os.Getenv("API"), c)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// refused is a refusal with this status and code.
func refused(t *testing.T, err error, status int, code ogen.ErrorCode) {
	t.Helper()
	var refusal *ogen.RefusalStatusCodeWithHeaders
	if !errors.As(err, &refusal) {
		t.Errorf("got %v, want a refusal", err)
		return
	}
	same(t, "the status of "+string(code), refusal.StatusCode, status)
	same(t, "the code", refusal.Response.Content.Code, code)
}

// file is a file that holds this text.
func file(t *testing.T, text string) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "items")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	opened := must[*os.File](t)(os.Open(name))
	t.Cleanup(func() { _ = opened.Close() })
	return opened
}

// In either mode of choosing the tenant, a program that knows the description alone can do all that it describes: each value that it
// sends comes back, a null as a null.
func TestConversation(t *testing.T) {
	for _, mode := range []string{"header", "derived"} {
		t.Run(mode, func(t *testing.T) {
			ctx, me := t.Context(), &credentials{}
			api := client(t, me)

			who := "go-" + mode
			account := must[*ogen.AccountRegisterCreatedHeaders](t)(api.AccountRegister(ctx, &ogen.AccountRegisterInput{
				Email: who + "@example.com", Password: "paper-and-ink", TenantName: ogen.NewOptString("Prints of " + who),
			}))
			same(t, "the username", account.Response.Content.Account.Username, who)
			login := func(tenant ogen.OptTenantID) ogen.SessionLoginOutput {
				t.Helper()
				return must[*ogen.SessionLoginAnswerHeaders](t)(api.SessionLogin(ctx, &ogen.SessionLoginInput{
					Login: who, Password: "paper-and-ink", TenantID: tenant,
				})).Response.Content
			}
			session := login(ogen.OptTenantID{})
			same(t, "the tenants at login", len(session.Tenants), 1)
			user, home := session.Tenants[0].UserID, ogen.NewOptTenantID(session.Tenants[0].Tenant.ID)
			me.token = session.AccessToken
			tenants := must[*ogen.TenantListHeaders](t)(api.TenantList(ctx, ogen.TenantListParams{})).Response
			same(t, "the tenants", len(tenants.Content), 1)
			same(t, "the tenant's name", tenants.Content[0].Name, "Prints of "+who)

			switch mode {
			case "header":
				_, err := api.TenantGet(ctx, ogen.TenantGetParams{})
				refused(t, err, 400, ogen.ErrorCodeMissingTenant)
				me.tenant = home
			case "derived":
				me.token = login(home).AccessToken
				_, err := api.TenantGet(ctx, ogen.TenantGetParams{XTenantID: home})
				refused(t, err, 400, ogen.ErrorCodeUnwantedTenant)
			}

			create := func(item ogen.ItemCreateInput) *ogen.ItemAnswerHeaders {
				t.Helper()
				return must[*ogen.ItemAnswerHeaders](t)(api.ItemCreate(ctx, &item, ogen.ItemCreateParams{XTenantID: me.tenant}))
			}
			var null ogen.OptNilString
			null.SetToNull()
			plain := create(ogen.ItemCreateInput{Name: "Postcard", PriceCents: 90, Description: null}).Response.Content.Item
			same(t, "a null description", plain.Description, ogen.NilString{Null: true})
			made := create(ogen.ItemCreateInput{Name: "Poster", PriceCents: 1500, Description: ogen.NewOptNilString("Two colours")})
			poster := made.Response.Content.Item
			same(t, "the description", poster.Description, ogen.NewNilString("Two colours"))

			read := must[ogen.ItemGetRes](t)(api.ItemGet(ctx, ogen.ItemGetParams{XTenantID: me.tenant, ItemID: poster.ID}))
			shown, ok := read.(*ogen.ItemGetOKHeaders)
			if !ok {
				t.Fatalf("the item is read as %T", read)
			}
			same(t, "the item that is read", shown.Response.Content.Item, poster)
			same(t, "its ETag", shown.ETag, made.ETag)
			again := must[ogen.ItemGetRes](t)(api.ItemGet(ctx, ogen.ItemGetParams{XTenantID: me.tenant, ItemID: poster.ID, IfNoneMatch: shown.ETag}))
			if _, ok := again.(*ogen.ItemGetNotModified); !ok {
				t.Errorf("what has not changed is read as %T", again)
			}
			_, err := api.ItemGet(ctx, ogen.ItemGetParams{XTenantID: me.tenant, ItemID: "item-00000000-0000-4000-8000-000000000000"})
			refused(t, err, 404, ogen.ErrorCodeNotFound)

			change := ogen.ItemUpdateParams{XTenantID: me.tenant, ItemID: poster.ID, IfMatch: shown.ETag}
			dearer := must[*ogen.ItemGetOKHeaders](t)(api.ItemUpdate(ctx, &ogen.ItemUpdateInput{PriceCents: ogen.NewOptInt32(1800)}, change))
			same(t, "the new price", dearer.Response.Content.Item.PriceCents, 1800)
			same(t, "the description that was left out", dearer.Response.Content.Item.Description, poster.Description)
			_, err = api.ItemUpdate(ctx, &ogen.ItemUpdateInput{Description: null}, change)
			refused(t, err, 412, ogen.ErrorCodePreconditionFailed)
			change.IfMatch = dearer.ETag
			bare := must[*ogen.ItemGetOKHeaders](t)(api.ItemUpdate(ctx, &ogen.ItemUpdateInput{Description: null}, change))
			same(t, "the description that was taken away", bare.Response.Content.Item.Description, ogen.NilString{Null: true})

			events := must[*ogen.AuditEventListHeaders](t)(api.AuditEventList(ctx, ogen.AuditEventListParams{
				XTenantID: me.tenant, EntityID: ogen.NewOptEntityID(ogen.EntityID(poster.ID)),
			})).Response.Content
			var said []string
			for _, event := range events {
				same(t, "who did it", event.ActorID, ogen.NewNilUserID(user))
				said = append(said, event.Action)
			}
			same(t, "the item's events", said, []string{"item.update", "item.update", "item.create"})
			same(t, "the description before", string(events[0].Before.Value["description"]), `"Two colours"`)
			same(t, "the description after", string(events[0].After.Value["description"]), `null`)
			same(t, "the price before", string(events[1].Before.Value["price_cents"]), `1500`)
			same(t, "the price after", string(events[1].After.Value["price_cents"]), `1800`)
			same(t, "what a new item was before", events[2].Before.Null, true)

			const bio = `<p>Prints <strong>posters</strong> &amp; <a href="https://example.com/" title="Shop">more</a></p>`
			profile := must[*ogen.UserAnswerHeaders](t)(api.UserUpdate(ctx, &ogen.UserUpdateInput{Bio: ogen.NewOptNilString(bio)},
				ogen.UserUpdateParams{XTenantID: me.tenant, UserID: user}))
			same(t, "the bio", profile.Response.Content.User.Bio, ogen.NewNilString(bio))

			load := func(from ogen.ItemImportReq) int {
				t.Helper()
				return must[*ogen.ImportResultAnswerHeaders](t)(api.ItemImport(ctx, from, ogen.ItemImportParams{XTenantID: me.tenant})).Response.Content.Imported
			}
			same(t, "the lines of NDJSON", load(&ogen.ItemImportReqApplicationXNdjson{
				Data: file(t, `{"name":"Linocut","price_cents":4000,"description":null}`+"\n"+`{"name":"Etching","price_cents":9000,"description":"1, of 20"}`+"\n"),
			}), 2)
			same(t, "the records of CSV", load(&ogen.ItemImportReqTextCsv{
				Data: file(t, "name,description,price_cents\nWoodcut,\"Pear, \"\"quoted\"\"\",7000\n"),
			}), 1)

			var names []string
			for page := (ogen.ItemListParams{XTenantID: me.tenant, PageSize: ogen.NewOptInt32(2), Sort: ogen.NewOptItemListSort(ogen.ItemListSortName)}); ; {
				list := must[*ogen.ItemListHeaders](t)(api.ItemList(ctx, page)).Response
				for _, item := range list.Content {
					names = append(names, item.Name)
				}
				if list.Page.Next.Null {
					break
				}
				page.Cursor = ogen.NewOptString(list.Page.Next.Value)
			}
			want := []string{"Etching", "Linocut", "Postcard", "Poster", "Woodcut"}
			same(t, "the names of the pages", names, want)

			export := func(format ogen.ItemExportFormat) ogen.ItemExportRes {
				t.Helper()
				return must[ogen.ItemExportRes](t)(api.ItemExport(ctx, ogen.ItemExportParams{
					XTenantID: me.tenant, Format: ogen.NewOptItemExportFormat(format), Sort: ogen.NewOptItemExportSort(ogen.ItemExportSortName),
				}))
			}
			lines, ok := export(ogen.ItemExportFormatNdjson).(*ogen.ItemExportOKApplicationXNdjsonHeaders)
			if !ok {
				t.Fatal("the export is not NDJSON")
			}
			names = nil
			for decoder := json.NewDecoder(lines.Response); decoder.More(); {
				var item ogen.Item
				if err := decoder.Decode(&item); err != nil {
					t.Fatal(err)
				}
				names = append(names, item.Name)
			}
			same(t, "the names of the NDJSON", names, want)
			table, ok := export(ogen.ItemExportFormatCsv).(*ogen.ItemExportOKTextCsvHeaders)
			if !ok {
				t.Fatal("the export is not CSV")
			}
			rows := must[[][]string](t)(csv.NewReader(table.Response).ReadAll())
			same(t, "the rows of the CSV", len(rows), 1+len(want))
			same(t, "the columns of the CSV", strings.Join(rows[0], " "), "id tenant_id name description price_cents created_at updated_at")
			same(t, "the last row", strings.Join(rows[5][2:5], "|"), `Woodcut|Pear, "quoted"|7000`)

			keyed := func(scopes ogen.OptNilPermissionArray) ogen.ApiKeyCreated {
				t.Helper()
				return must[*ogen.ApiKeyCreatedAnswerHeaders](t)(api.ApiKeyCreate(ctx, &ogen.ApiKeyCreateInput{Name: "Price list", Scopes: scopes},
					ogen.ApiKeyCreateParams{XTenantID: me.tenant})).Response.Content
			}
			program := client(t, &credentials{key: keyed(ogen.NewOptNilPermissionArray([]ogen.Permission{ogen.PermissionItemsRead})).Key.Value})
			keyed(ogen.OptNilPermissionArray{})
			same(t, "the items that a key reads", len(must[*ogen.ItemListHeaders](t)(program.ItemList(ctx, ogen.ItemListParams{})).Response.Content), len(want))
			_, err = program.ItemDelete(ctx, ogen.ItemDeleteParams{ItemID: poster.ID})
			refused(t, err, 403, ogen.ErrorCodePermissionDenied)
			ended := must[*ogen.ApiKeyRevokeAllAnswerHeaders](t)(api.ApiKeyRevokeAll(ctx, ogen.OptApiKeyRevokeAllInput{}, ogen.ApiKeyRevokeAllParams{XTenantID: me.tenant}))
			same(t, "the keys that were ended", ended.Response.Content.Revoked, 2)
			_, err = program.ItemList(ctx, ogen.ItemListParams{})
			refused(t, err, 401, ogen.ErrorCodeInvalidToken)
		})
	}
}
