// Package auth holds what proving an identity needs and neither HTTP nor SQL does: passwords, the form in which
// usernames and e-mail addresses are compared, access tokens, and one-time secrets.
package auth
