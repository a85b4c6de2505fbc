//go:build browser

package handlers

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// browserTime bounds the whole visit; a cold browser on a busy machine takes most of it to start.
const browserTime = 90 * time.Second

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
		chromedp.Navigate(w.URL+"/docs"),
		chromedp.WaitVisible(chromedp.CSS(itemList)),
		chromedp.Click(chromedp.CSS(`.scheme-container .authorize`)),
		authorize("accessToken", w.token(w.A.people["admin"])),
		authorize("tenant", w.A.id.String()),
		chromedp.Click(chromedp.CSS(`.modal-ux .btn-done`)),
		chromedp.Click(chromedp.CSS(itemList+`.opblock-summary-control`)),
		chromedp.Click(chromedp.CSS(itemList+`.try-out__btn`)),
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
