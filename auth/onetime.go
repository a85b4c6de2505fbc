package auth

// What begins the secrets that are mailed; see NewSecret and NewTenantSecret.
const (
	OneTimePrefix    = "rht_"
	InvitationPrefix = "rhi_"
)

// The purposes of a one-time token, as the table has them.
const (
	ForPassword = "password"
	ForEmail    = "email"
)
