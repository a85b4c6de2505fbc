// Package auth holds what proving an identity needs and neither HTTP nor SQL does: passwords, the form in which
// usernames and e-mail addresses are compared, access tokens, ours and those of outside issuers, one-time secrets, and the signatures of
// what outside services tell.
package auth
