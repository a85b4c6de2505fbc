package handlers

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"

	"rowhouse/auth"
	"rowhouse/db"
	"rowhouse/ids"
	"rowhouse/rest"
	"rowhouse/tenancy"
)

const (
	usersRead  auth.Permission = "users:read"
	usersWrite auth.Permission = "users:write"
)

// User is a person within one tenant. What a tenant says of a user says nothing about the account that logs in.
type User struct {
	ID               ids.UserID    `json:"id"`
	TenantID         ids.TenantID  `json:"tenant_id"`
	Username         string        `json:"username" doc:"The account's; read-only." example:"ada"`
	Email            *string       `json:"email" doc:"The contact e-mail, which logs nobody in; null too where its owner keeps it from you." example:"ada@example.com"`
	Name             *string       `json:"name" example:"Ada Lovelace"`
	FirstName        *string       `json:"first_name" example:"Ada"`
	LastName         *string       `json:"last_name" example:"Lovelace"`
	FullName         string        `json:"full_name" doc:"First and last name; without these the name, or the username." example:"Ada Lovelace"`
	Birthdate        *rest.Date    `json:"birthdate"`
	Phone            *string       `json:"phone" example:"+44 20 7946 0000"`
	Instagram        *string       `json:"instagram" doc:"Without its @." example:"ada.engines"`
	Bio              *string       `json:"bio" text:"rich" example:"<p>Writes programs.</p>"`
	Role             string        `json:"role" limit:"users.role" doc:"The primary role."`
	Team             *TeamName     `json:"team" doc:"Sent as team_id."`
	Roles            []RoleName    `json:"roles" doc:"Roles of the tenant's own that the user has besides."`
	ArtistID         *ids.ArtistID `json:"artist_id" doc:"Which artist the user is: given exactly when the role is artist."`
	IsActive         bool          `json:"is_active" doc:"Whether the user may enter the tenant."`
	SearchVisibility string        `json:"search_visibility" limit:"users.search_visibility" doc:"private: found by nobody in the directory."`
	EmailPrivacy     string        `json:"email_privacy" limit:"users.email_privacy" doc:"Who sees the e-mail: everybody, users of the tenant (private), or the user and who may write any user alone (never)."`
	PublicProfile    bool          `json:"public_profile" doc:"Whether there is a profile in the directory."`
	LastLogin        *time.Time    `json:"last_login" doc:"When the newest login began with which the user entered this tenant; an API key leaves it alone."`
	DateJoined       time.Time     `json:"date_joined" doc:"The same as created_at."`
	CreatedAt        time.Time     `json:"created_at"`
	UpdatedAt        time.Time     `json:"updated_at"`

	version int64
}

// TeamName is a team by name.
type TeamName struct {
	ID   ids.TeamID `json:"id"`
	Name string     `json:"name" example:"Workshop"`
}

// RoleName is a role by name.
type RoleName struct {
	ID   ids.RoleID `json:"id"`
	Name string     `json:"name" example:"Stock keeper"`
}

func (u *User) Resource() (name, path string, version int64) {
	return "user", "/users/" + u.ID.String(), u.version
}

// newUser makes a user of a row, the name of its team, and its roles as JSON.
func newUser(row db.User, team string, roles []byte, err error) (User, error) {
	if err != nil {
		return User{}, err
	}
	u := User{
		ID:               row.ID,
		TenantID:         row.TenantID,
		Username:         row.Username,
		Email:            row.Email,
		Name:             row.Name,
		FirstName:        row.FirstName,
		LastName:         row.LastName,
		FullName:         fullName(row),
		Birthdate:        rest.DateOf(row.Birthdate),
		Phone:            row.Phone,
		Instagram:        row.Instagram,
		Bio:              row.Bio,
		Role:             row.Role,
		Roles:            []RoleName{},
		ArtistID:         row.ArtistID,
		IsActive:         row.IsActive,
		SearchVisibility: row.SearchVisibility,
		EmailPrivacy:     row.EmailPrivacy,
		PublicProfile:    row.PublicProfile,
		LastLogin:        row.LastLogin,
		DateJoined:       row.CreatedAt,
		CreatedAt:        row.CreatedAt,
		UpdatedAt:        row.UpdatedAt,
		version:          row.Version,
	}
	if row.TeamID != nil {
		u.Team = &TeamName{*row.TeamID, team}
	}
	if string(roles) != "[]" {
		err = json.Unmarshal(roles, &u.Roles)
	}
	return u, err
}

func fullName(row db.User) string {
	var parts []string
	for _, part := range []*string{row.FirstName, row.LastName} {
		if part != nil && *part != "" {
			parts = append(parts, *part)
		}
	}
	switch {
	case parts != nil:
		return strings.Join(parts, " ")
	case row.Name != nil:
		return *row.Name
	}
	return row.Username
}

// hideEmail takes the e-mail out where it is not the caller's to see.
func (u *User) hideEmail(shown bool) {
	if !shown {
		u.Email = nil
	}
}

type userListInput struct {
	rest.List
	Sort     string      `query:"sort" validate:"oneof=name -name username -username" doc:"By name, regardless of case, or username; with - downwards. Newest first when left out."`
	Q        *string     `query:"q" limit:"users.name" doc:"Users whose name or username begins so, regardless of case." example:"ad"`
	TeamID   *ids.TeamID `query:"team_id" doc:"Users in this team."`
	Role     *string     `query:"role" limit:"users.role" doc:"Users with this primary role."`
	IsActive *bool       `query:"is_active" doc:"Users who are active, or who are not."`
	Email    *string     `query:"email" limit:"users.email" doc:"The user with this contact e-mail."`
	Username *string     `query:"username" limit:"username" doc:"The user with this username."`
}

// userList reads a page of the tenant's users, or of those whom the caller sees.
func userList(ctx context.Context, q *db.Queries, who rest.Caller, in userListInput) (rest.Page[User], error) {
	// A text without a canonical form, which becomes "", is nobody's: the list is empty.
	if in.Email != nil {
		email, _ := auth.NormalizeEmail(*in.Email)
		in.Email = &email
	}
	if in.Username != nil {
		username, _ := auth.NormalizeUsername(*in.Username)
		in.Username = &username
	}
	list := db.UserListParams{
		TenantID:       who.TenantID,
		Q:              in.Q,
		TeamID:         in.TeamID,
		Role:           in.Role,
		IsActive:       in.IsActive,
		Email:          in.Email,
		Username:       in.Username,
		Sort:           in.Sort,
		AfterID:        in.AfterID(),
		AfterCreatedAt: in.AfterTime(),
		AfterNameKey:   in.AfterText(),
		AfterUsername:  in.AfterText(),
		Skip:           in.Skip(),
		Size:           in.Limit(),
		WithTotal:      in.Count,
	}
	rows, err := q.UserList(ctx, list)
	page, failed := rest.PageOf(in.List, rows, err, func(row *db.UserListRow) (User, rest.Position, int64) {
		at := rest.Position{ID: row.User.ID}
		switch in.Sort {
		case "name", "-name":
			at.Text = &row.User.NameKey
		case "username", "-username":
			at.Text = &row.User.Username
		default:
			at.Time = &row.User.CreatedAt
		}
		var user User
		if user, err = newUser(row.User, row.TeamName, row.RoleList, err); err == nil {
			user.hideEmail(row.EmailShown)
		}
		return user, at, row.Total
	})
	if failed == nil {
		failed = err
	}
	return page, failed
}

type userGetInput struct {
	UserID ids.UserID `path:"user_id"`
}

// userGet reads a user.
func userGet(ctx context.Context, q *db.Queries, who rest.Caller, in userGetInput) (User, error) {
	row, err := q.UserGet(ctx, db.UserGetParams{TenantID: who.TenantID, ID: in.UserID})
	user, err := newUser(row.User, row.TeamName, row.RoleList, err)
	user.hideEmail(row.EmailShown)
	return user, err
}

// profile has the fields that a user may change of himself, too.
type profile struct {
	FirstName        rest.Nullable[string]    `json:"first_name" validate:"max=150" example:"Ada"`
	LastName         rest.Nullable[string]    `json:"last_name" validate:"max=150" example:"Lovelace"`
	Birthdate        rest.Nullable[rest.Date] `json:"birthdate" example:"1990-12-10"`
	Phone            rest.Nullable[string]    `json:"phone" validate:"max=32" example:"+44 20 7946 0000"`
	Instagram        rest.Nullable[string]    `json:"instagram" validate:"max=65" doc:"At most 64 characters; a leading @ is left out." example:"@ada.engines"`
	Bio              rest.Nullable[string]    `json:"bio" validate:"max=10000" text:"rich" example:"<p>Writes programs.</p>"`
	SearchVisibility *string                  `json:"search_visibility" limit:"users.search_visibility" doc:"private: found by nobody in the directory."`
	EmailPrivacy     *string                  `json:"email_privacy" limit:"users.email_privacy" doc:"Who sees the e-mail: everybody, users of the tenant (private), or the user and who may write any user alone (never)."`
	PublicProfile    *bool                    `json:"public_profile" doc:"Whether there is a profile in the directory."`
}

// handle is an Instagram name as it is stored, without its @; nil where nothing else was sent.
func handle(sent rest.Nullable[string]) *string {
	if sent.Value == nil {
		return nil
	}
	name := strings.TrimLeft(*sent.Value, "@ ")
	if name == "" {
		return nil
	}
	return &name
}

type userCreateInput struct {
	profile
	Email    string        `json:"email" limit:"users.email" doc:"The contact e-mail here, and the login e-mail of the account that is made." example:"ben@example.com"`
	Username *string       `json:"username" validate:"min=1" limit:"username" doc:"3 to 64 of a–z, 0–9, dot, underscore and hyphen; made from the e-mail when left out, and then fixed." example:"ben"`
	Name     string        `json:"name" limit:"users.name" example:"Ben Nakamura"`
	Password *string       `json:"password" limit:"password" text:"raw" doc:"To tell the user; without it, a mail lets the user choose one." example:"correct horse battery"`
	Role     string        `json:"role" limit:"users.role" default:"\"member\"" doc:"The primary role."`
	TeamID   *ids.TeamID   `json:"team_id"`
	ArtistID *ids.ArtistID `json:"artist_id" doc:"Which artist the user is: given exactly when the role is artist."`
}

func (in *userCreateInput) Problems() []rest.FieldError {
	return accountProblems(in.Email, in.Username, in.Password)
}

// userCreate makes an account that nobody has proven yet, and its user. Whoever has an account is invited instead.
func userCreate(ctx context.Context, app *App, tx *tenancy.Tx, who rest.Caller, in userCreateInput) (User, error) {
	email, username, _ := names(in.Email, in.Username)
	// The permission is checked first: whoever lacks it learns no names, and has nothing hashed.
	if _, err := app.doors.Enter(who, usersWrite.All()).TenantGet(ctx, who.TenantID); err != nil {
		return User{}, err
	}
	account := db.AccountCreateParams{Username: username, Email: email, Name: &in.Name, MadeIn: &who.TenantID}
	if in.Username == nil {
		account.Spare = spare(username)
	}
	if in.Password != nil {
		hash, err := app.passwords.Hash(ctx, *in.Password)
		if err != nil {
			return User{}, err
		}
		account.PasswordHash = &hash
	}
	made, err := createAccount(ctx, tx.Unscoped(who), account)
	if err != nil {
		return User{}, err
	}
	row, err := tx.Enter(who, usersWrite.All()).UserCreate(ctx, db.UserCreateParams{
		TenantID:         who.TenantID,
		ID:               ids.New[ids.UserID](),
		Welcome:          true,
		AccountID:        made.ID,
		Username:         made.Username,
		Email:            &email,
		Name:             &in.Name,
		Role:             in.Role,
		TeamID:           in.TeamID,
		ArtistID:         in.ArtistID,
		FirstName:        in.FirstName.Value,
		LastName:         in.LastName.Value,
		Birthdate:        in.Birthdate.Value.Time(),
		Phone:            in.Phone.Value,
		Instagram:        handle(in.Instagram),
		Bio:              in.Bio.Value,
		SearchVisibility: in.SearchVisibility,
		EmailPrivacy:     in.EmailPrivacy,
		PublicProfile:    in.PublicProfile,
	})
	return newUser(row.User, row.TeamName, row.RoleList, err)
}

type userUpdateInput struct {
	rest.Conditional
	profile
	UserID   ids.UserID                  `path:"user_id"`
	Email    rest.Nullable[string]       `json:"email" limit:"users.email" doc:"The contact e-mail; not of oneself." example:"ben@example.com"`
	Name     *string                     `json:"name" limit:"users.name" example:"Ben Nakamura"`
	Role     *string                     `json:"role" limit:"users.role" doc:"Not of oneself."`
	TeamID   rest.Nullable[ids.TeamID]   `json:"team_id" doc:"Not of oneself."`
	ArtistID rest.Nullable[ids.ArtistID] `json:"artist_id" doc:"Given exactly when the role is artist; taken away with that role. Not of oneself."`
}

func (in *userUpdateInput) Problems() []rest.FieldError {
	if in.Email.Value == nil {
		return nil
	}
	return emailProblems(*in.Email.Value)
}

// notOwn are those of the fields sent that nobody may change of himself.
func (in *userUpdateInput) notOwn() (fields []string) {
	for _, f := range []struct {
		name  string
		given bool
	}{{"email", in.Email.Set}, {"role", in.Role != nil}, {"team_id", in.TeamID.Set}, {"artist_id", in.ArtistID.Set}} {
		if f.given {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// userUpdate changes a user; a field that the client leaves out keeps its value.
func userUpdate(ctx context.Context, q *db.Queries, who rest.Caller, in userUpdateInput) (User, error) {
	change := db.UserUpdateParams{
		TenantID:         who.TenantID,
		ID:               in.UserID,
		IfMatch:          in.IfMatch,
		NotOwn:           in.notOwn(),
		EmailSet:         in.Email.Set,
		Name:             in.Name,
		Role:             in.Role,
		TeamIDSet:        in.TeamID.Set,
		TeamID:           in.TeamID.Value,
		ArtistIDSet:      in.ArtistID.Set || in.Role != nil && *in.Role != "artist",
		ArtistID:         in.ArtistID.Value,
		FirstNameSet:     in.FirstName.Set,
		FirstName:        in.FirstName.Value,
		LastNameSet:      in.LastName.Set,
		LastName:         in.LastName.Value,
		BirthdateSet:     in.Birthdate.Set,
		Birthdate:        in.Birthdate.Value.Time(),
		PhoneSet:         in.Phone.Set,
		Phone:            in.Phone.Value,
		InstagramSet:     in.Instagram.Set,
		Instagram:        handle(in.Instagram),
		BioSet:           in.Bio.Set,
		Bio:              in.Bio.Value,
		SearchVisibility: in.SearchVisibility,
		EmailPrivacy:     in.EmailPrivacy,
		PublicProfile:    in.PublicProfile,
	}
	if in.Email.Value != nil {
		email, _ := auth.NormalizeEmail(*in.Email.Value)
		change.Email = &email
	}
	row, err := q.UserUpdate(ctx, change)
	return newUser(row.User, row.TeamName, row.RoleList, err)
}

type userDeleteInput struct {
	rest.Conditional
	UserID ids.UserID `path:"user_id"`
}

// userDelete takes a user and its keys out of the tenant; the account stays.
func userDelete(ctx context.Context, q *db.Queries, who rest.Caller, in userDeleteInput) (rest.Deleted[ids.UserID], error) {
	id, err := q.UserDelete(ctx, db.UserDeleteParams{TenantID: who.TenantID, ID: in.UserID, IfMatch: in.IfMatch})
	return rest.Deleted[ids.UserID]{ID: id}, err
}

// userDeactivate shuts a user out of the tenant, from the next request on.
func userDeactivate(ctx context.Context, q *db.Queries, who rest.Caller, in userGetInput) (User, error) {
	row, err := q.UserActivate(ctx, db.UserActivateParams{TenantID: who.TenantID, ID: in.UserID, IsActive: false})
	return newUser(row.User, row.TeamName, row.RoleList, err)
}

// userReactivate lets a user in again.
func userReactivate(ctx context.Context, q *db.Queries, who rest.Caller, in userGetInput) (User, error) {
	row, err := q.UserActivate(ctx, db.UserActivateParams{TenantID: who.TenantID, ID: in.UserID, IsActive: true})
	return newUser(row.User, row.TeamName, row.RoleList, err)
}

// userLeave takes the user who asks out of the tenant.
func userLeave(ctx context.Context, q *db.Queries, who rest.Caller, _ struct{}) (rest.Deleted[ids.UserID], error) {
	id, err := q.UserLeave(ctx, who.TenantID)
	if errors.Is(err, pgx.ErrNoRows) {
		err = rest.ErrTenant // somebody else was quicker
	}
	return rest.Deleted[ids.UserID]{ID: id}, err
}

// roleAssignment is that a user has a role, or has it no more.
type roleAssignment struct {
	UserID ids.UserID `path:"user_id" json:"user_id"`
	RoleID ids.RoleID `path:"role_id" json:"role_id"`
}

type userRoleInput struct {
	UserID ids.UserID `path:"user_id"`
	RoleID ids.RoleID `path:"role_id"`
}

// userRoleAssign gives a user a role; to give it again changes nothing.
func userRoleAssign(ctx context.Context, q *db.Queries, who rest.Caller, in userRoleInput) (roleAssignment, error) {
	err := q.UserRoleAssign(ctx, db.UserRoleAssignParams{TenantID: who.TenantID, UserID: in.UserID, RoleID: in.RoleID})
	return roleAssignment(in), err
}

// userRoleUnassign takes a role from a user; to take it again changes nothing.
func userRoleUnassign(ctx context.Context, q *db.Queries, who rest.Caller, in userRoleInput) (roleAssignment, error) {
	_, err := q.UserRoleUnassign(ctx, db.UserRoleUnassignParams{TenantID: who.TenantID, UserID: in.UserID, RoleID: in.RoleID})
	return roleAssignment(in), err
}
