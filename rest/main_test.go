package rest_test

import (
	"testing"

	"rowhouse/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }
