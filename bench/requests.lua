-- The requests of one measurement, for wrk. From the environment:
--   OPERATION  get, list, create, update, mix or login; any other is a GET of ADDRESS
--   ADDRESS    path and query of such a GET
--   ROWS       a file of lines "tenant item token username"
--   PASSWORD   of everybody
--   PREST      the path of the table in pREST, when that is asked
--   TOKEN      of everybody, in place of the row's
local operation = os.getenv("OPERATION")
local items = "/api/v1/items"

local function format(method, path, row, body)
  return wrk.format(method, path, {
    ["Host"] = wrk.headers["Host"], ["Authorization"] = "Bearer " .. (os.getenv("TOKEN") or row.token), ["X-Tenant-Id"] = row.tenant,
    ["Content-Type"] = body and "application/json",
  }, body)
end

local new = '"name":"A new item","description":"made to be measured","price_cents":4321}'

local function change() return '{"price_cents":' .. math.random(1, 9999) .. '}' end

local formats = {
  get    = function(row) return format("GET", items .. "/" .. row.item, row) end,
  list   = function(row) return format("GET", items, row) end,
  create = function(row) return format("POST", items, row, "{" .. new) end,
  update = function(row) return format("PATCH", items .. "/" .. row.item, row, change()) end,
  login  = function(row)
    return wrk.format("POST", "/api/v1/auth/login", { ["Host"] = wrk.headers["Host"], ["Content-Type"] = "application/json" },
      '{"login":"' .. row.username .. '","password":"' .. os.getenv("PASSWORD") .. '"}')
  end,
}
local prest = os.getenv("PREST")
if prest then
  local function where(row) return prest .. "?tenant_id=" .. row.tenant end
  formats.get    = function(row) return format("GET", where(row) .. "&id=" .. row.item, row) end
  formats.list   = function(row) return format("GET", where(row) .. "&_order=-created_at,-id&_page=1&_page_size=50", row) end
  formats.create = function(row) return format("POST", prest, row, '{"tenant_id":"' .. row.tenant .. '",' .. new) end
  formats.update = function(row) return format("PATCH", where(row) .. "&id=" .. row.item .. "&_returning=*", row, change()) end
end
formats[operation] = formats[operation] or function(row) return format("GET", os.getenv("ADDRESS"), row) end

local ready, count = {}, 0 -- the text of every request, made before any is sent

function init()
  math.randomseed(os.time())
  local names = operation == "mix" and { "get", "list", "create", "update" } or { operation }
  for _, name in ipairs(names) do ready[name] = {} end
  for line in io.lines(os.getenv("ROWS")) do
    local row = {}
    row.tenant, row.item, row.token, row.username = line:match("(%S+) (%S+) (%S+) (%S+)")
    count = count + 1
    for _, name in ipairs(names) do ready[name][count] = formats[name](row) end
  end
end

function request()
  local name = operation
  if name == "mix" then
    local chance = math.random(100)
    name = chance <= 60 and "get" or chance <= 80 and "list" or chance <= 90 and "create" or "update"
  end
  return ready[name][math.random(count)]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.requests, summary.duration,
    errors.status + errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(50), latency:percentile(99)))
end
