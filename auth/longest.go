package auth

// maxSecret is how many characters are looked at where a secret of NewSecret is expected; those of today are shorter.
const maxSecret = 255

// Longest is how many characters a username, a password or a token may have as it is sent; 0 for anything else.
func Longest(what string) int {
	switch what {
	case "username":
		return maxUsername
	case "password":
		return maxPassword
	case "token":
		return maxSecret
	}
	return 0
}
