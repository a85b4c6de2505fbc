//go:build browser

package handlers

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"rowhouse/auth"
	"rowhouse/rest"
	"rowhouse/tenancy"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// browserTime bounds the whole visit: on a busy machine a cold browser takes minutes.
const browserTime = 5 * time.Minute

// allOfIt is a window's height, in pixels, in which all operations are in view: of a hundred and more, the page makes no others.
const allOfIt = 30000

// newBrowser starts a browser with an empty profile.
func newBrowser(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("there is no chromium, chromium-browser or google-chrome on PATH")
	}
	ctx, stop := context.WithTimeout(t.Context(), browserTime)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewExecAllocator(ctx, append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.UserDataDir(t.TempDir()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.WindowSize(1280, 1600))...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	return ctx
}

// A person opens the page, says who they are and for which tenant, and reads its items; the page asks no other server and
// complains of nothing.
func TestDocsInBrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := newBrowser(t)

	console := chromedp.Console(ctx)
	var asked struct {
		sync.Mutex
		elsewhere []string
	}
	err := chromedp.Listen(ctx, func(event any) {
		sent, ok := event.(*network.EventRequestWillBeSent)
		if ok && !strings.HasPrefix(sent.Request.URL, w.URL+"/") && !strings.HasPrefix(sent.Request.URL, "data:") {
			asked.Lock()
			defer asked.Unlock()
			asked.elsewhere = append(asked.elsewhere, sent.Request.URL)
		}
	})
	if err != nil {
		t.Fatal(err)
	}

	const itemList = `#operations-items-itemList `
	authorize := func(scheme, value string) chromedp.Action[chromedp.Void] {
		form := `//div[contains(@class,"auth-container")][.//code[text()="` + scheme + `"]]`
		return chromedp.Steps(
			chromedp.SendKeys(form+`//input`, value),
			chromedp.Click(form+`//button[text()="Authorize"]`),
			chromedp.WaitVisible(form+`//button[text()="Logout"]`),
		)
	}
	err = chromedp.Do(ctx,
		chromedp.EmulateViewport(1280, allOfIt),
		chromedp.Navigate(w.URL+"/docs"),
		chromedp.WaitVisible(chromedp.CSS(itemList)),
		chromedp.Click(chromedp.CSS(`.scheme-container .authorize`)),
		chromedp.WaitVisible(chromedp.CSS(`.modal-ux-content`)),
	)
	if err != nil {
		t.Fatal(err)
	}
	first, err := chromedp.Run(ctx, chromedp.Evaluate[string](`(() => {
		const dialog = document.querySelector(".modal-ux-content"), form = document.activeElement.closest(".auth-container")
		return dialog.scrollTop + " " + form?.querySelector("code").textContent
	})()`))
	if err != nil || first != "0 accessToken" {
		t.Errorf("the dialog opens scrolled to %q (%v), want the access token, at its top", first, err)
	}
	err = chromedp.Do(ctx,
		authorize("accessToken", w.token(w.A.people["admin"])),
		chromedp.Click(chromedp.CSS(`.modal-ux .btn-done`)),
		chromedp.Click(chromedp.CSS(itemList+`.opblock-summary-control`)),
		chromedp.Click(chromedp.CSS(itemList+`.try-out__btn`)),
		chromedp.SendKeys(chromedp.CSS(itemList+`tr[data-param-name="X-Tenant-Id"] input`), w.A.id.String()),
		chromedp.Click(chromedp.CSS(itemList+`.execute`)),
		chromedp.WaitVisible(chromedp.CSS(itemList+`.live-responses-table td.response-col_status`)),
	)
	if page, failed := chromedp.Run(ctx, chromedp.FullScreenshot(100)); failed == nil {
		_ = os.WriteFile(filepath.Join(t.ArtifactDir(), "docs.png"), page, 0o644) // kept by go test -artifacts
	}
	if err != nil {
		t.Fatal(err)
	}
	shown, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.querySelectorAll(".opblock").length`))
	if want := len(routes) + 3; err != nil || shown != want {
		t.Errorf("%d operations are shown, want %d (%v)", shown, want, err)
	}
	got, err := chromedp.Run(ctx, chromedp.Text(chromedp.CSS(itemList+`.live-responses-table tbody`)))
	if err != nil || !strings.HasPrefix(got, "200") || !strings.Contains(got, w.A.canary) {
		t.Errorf("GET /items: got %s (%v), want 200 and %s", got, err, w.A.canary)
	}

	const end = "the test is over"
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[*string](`console.log("`+end+`"), null`)); err != nil {
		t.Fatal(err)
	}
	for message, err := range console {
		if err != nil {
			t.Fatal(err)
		}
		if message.Text == end {
			break
		}
		t.Errorf("the browser complains: %v", message)
	}
	asked.Lock()
	defer asked.Unlock()
	if asked.elsewhere != nil {
		t.Errorf("the page asks elsewhere: %v", asked.elsewhere)
	}
}

// On a phone an operation that is opened is no wider than the page, whatever its parameters, its body and its answers.
func TestDocsOnPhoneInBrowser(t *testing.T) {
	t.Parallel()
	app, err := New(Config{Config: rest.Config{BodyLimit: 1}}, &tenancy.Database{}, nil, auth.NewTokens(testKeys(), "rowhouse", "rowhouse-api"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(app)
	t.Cleanup(server.Close)
	ctx := newBrowser(t)
	err = chromedp.Do(ctx,
		chromedp.EmulateViewport(390, allOfIt),
		chromedp.Navigate(server.URL+"/docs"),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, operation := range []string{"auth-sessionLogin", "items-itemImport", "items-itemList", "items-itemUpdate", "users-userList"} {
		opened := `#operations-` + operation + ` `
		err := chromedp.Do(ctx,
			chromedp.WaitVisible(chromedp.CSS(opened)),
			chromedp.Click(chromedp.CSS(opened+`.opblock-summary-control`)),
			chromedp.WaitVisible(chromedp.CSS(opened+`.responses-table`)),
			chromedp.Click(chromedp.CSS(opened+`.try-out__btn`)),
			chromedp.WaitVisible(chromedp.CSS(opened+`.execute`)),
		)
		if err != nil {
			t.Fatalf("%s: %v", operation, err)
		}
		if wide, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.documentElement.scrollWidth - innerWidth`)); err != nil || wide > 0 {
			t.Errorf("%s: %d pixels of the page are beyond its edge (%v)", operation, wide, err)
		}
		if page, err := chromedp.Run(ctx, chromedp.FullScreenshot(100)); err == nil {
			_ = os.WriteFile(filepath.Join(t.ArtifactDir(), operation+".png"), page, 0o644)
		}
		if err := chromedp.Do(ctx, chromedp.Click(chromedp.CSS(opened+`.opblock-summary-control`))); err != nil {
			t.Fatal(err)
		}
	}
}
