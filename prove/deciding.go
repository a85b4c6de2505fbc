package prove

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
)

// decides are the files that say who may enter which tenant. What each of their declarations says was looked at, and is listed in deciding
// with its hash.
var decides = []string{"tenancy/door.go", "tenancy/transaction.go"}

// checkDoors reports each declaration of these files that is not the one that was looked at, unless something else was said of it.
func (p *program) checkDoors(said map[string]bool) {
	met := map[string]bool{}
	for _, file := range decides {
		if p.syntax["tenancy"][file] == nil {
			continue
		}
		for _, decl := range declarations(p.syntax["tenancy"][file]) {
			name := "tenancy." + declared(decl)
			if name == "tenancy." { // imports
				continue
			}
			met[name] = true
			var text ast.Node = decl
			if group, ok := decl.(*ast.GenDecl); ok {
				text = group.Specs[0]
			}
			listed := pardon{"it was read as one of what decides who may enter which tenant", deciding[name]}
			if !p.ledger.covers("the door "+name, listed, p.source(text)) && !said[name] {
				p.report(p.at(decl), name, fmt.Sprintf("by what stands here it is decided who may enter which tenant, and see its rows: look at what it checks, and what it binds%s", unlisted(listed, p.source(text))))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(deciding)) {
		if !met[name] && !said[name] && p.syntax["tenancy"][decides[0]] != nil {
			p.report(place{decides[0], 1}, name, "it is listed in prove as what decides who may enter which tenant, and is not there")
		}
	}
}

// deciding are the hashes of these declarations.
var deciding = map[string]string{
	"tenancy.andReachAll":             "28498ebf9a",
	"tenancy.andSeeAll":               "65da844323",
	"tenancy.enterPlatform":           "bd0155172e",
	"tenancy.platformScope":           "95ee9281cb",
	"tenancy.operatorScope":           "1e9da880bc",
	"tenancy.Database.Platform":       "e70662eeeb",
	"tenancy.Database.PlatformTenant": "c346c24873",
	"tenancy.Database.Operator":       "623c87edb3",
	"tenancy.bindNobody":              "b733a03d76",
	"tenancy.bindTrace":               "ea36085b6c",
	"tenancy.bindTenant":              "c664b66acb",
	"tenancy.enterAccount":            "9ca4026873",
	"tenancy.enterByKey":              "90948a9600",
	"tenancy.enterTenant":             "77c14262bb",
	"tenancy.enterUser":               "ebaa520875",
	"tenancy.noRoleAnd":               "373c12cdf7",
	"tenancy.scope":                   "d5d90505bd",
	"tenancy.scope.binding":           "6730bb2ec6",
	"tenancy.scope.rebinding":         "c9206a8463",
	"tenancy.tenantScope":             "8df2c718d9",
	"tenancy.accountScope":            "5129361973",
	"tenancy.boundScope":              "2d549d887d",
	"tenancy.assumedScope":            "3aa2f844f7",
	"tenancy.behalfScope":             "adef9472f8",
	"tenancy.unscoped":                "939c26920c",
	"tenancy.Database.Enter":          "106d7e805f",
	"tenancy.Database.Account":        "5f9747de88",
	"tenancy.Database.Unscoped":       "09341756bd",
	"tenancy.Database.System":         "9afdc2dc93",
	"tenancy.Database.OnBehalf":       "d45dd34b87",
	"tenancy.scope.verify":            "d6297cba63",
	"tenancy.door":                    "901f7b59ba",
	"tenancy.door.open":               "22256f6a63",
	"tenancy.dbtx":                    "c5acb9a2be",
	"tenancy.dbtx.Exec":               "c646cb5b9f",
	"tenancy.dbtx.Query":              "14c130eafb",
	"tenancy.dbtx.QueryRow":           "8b79d9ca4c",
	"tenancy.statement":               "3557580edf",
	"tenancy.trip":                    "470c0bf265",
	"tenancy.trip.send":               "e93e4ce2d5",
	"tenancy.trip.skip":               "15eba68117",
	"tenancy.passColumn":              "a3a504eef5",
	"tenancy.trip.close":              "d5c3e7c565",
	"tenancy.told":                    "b35e8b4421",
	"tenancy.row":                     "588b0ffc47",
	"tenancy.row.Scan":                "4d1e2054e2",
	"tenancy.rows":                    "948636628b",
	"tenancy.rows.Next":               "10138ef674",
	"tenancy.rows.Close":              "bf746203f7",
	"tenancy.rows.Err":                "06999fb5fa",
	"tenancy.Tx":                      "4f376d89c7",
	"tenancy.Tx.begin":                "e8deca12d6",
	"tenancy.Database.Snapshot":       "788b1ec4d5",
	"tenancy.Database.Atomic":         "3fd8809c7d",
	"tenancy.Tx.run":                  "5446b0dbee",
	"tenancy.Tx.Enter":                "b381f87c67",
	"tenancy.Tx.Account":              "63c905f028",
	"tenancy.Tx.Unscoped":             "e1896e687f",
	"tenancy.Tx.Provision":            "fa399dde19",
	"tenancy.Tx.Assume":               "5b4e8812d8",
	"tenancy.Tx.end":                  "b737461f5d",
	"tenancy.txDoor":                  "58676c6717",
	"tenancy.txDoor.open":             "d5c816882a",
}
