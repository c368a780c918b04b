// Redis money: exact signed integers in Lua, whose own numbers are doubles.

/**
 * An amount is two limbs, `{ high, low }` = high × 10^10 + low with 0 ≤ low < 10^10. All amounts that the ledger stores fit
 * 64 bits, so that each limb, and the sum of any few, stays far below 2^53, up to which a double is exact. `parse` and `text`
 * translate from and to the decimal integers in which amounts are stored and sent.
 */
export const moneyLua = `
local BASE = 10000000000
local ZERO = {0, 0}

local function normal(high, low)
  if low < 0 then return {high - 1, low + BASE} end
  if low >= BASE then return {high + 1, low - BASE} end
  return {high, low}
end

local function parse(digits)
  local sign, whole = string.match(digits, '^(-?)(%d+)$')
  local high = tonumber(string.sub(whole, 1, -11)) or 0
  local low = tonumber(string.sub(whole, -10))
  if sign == '-' then return normal(0 - high, 0 - low) end
  return {high, low}
end

local function text(amount)
  local sign, high, low = '', amount[1], amount[2]
  if high < 0 then
    sign, high, low = '-', 0 - high, 0 - low
    if low < 0 then high, low = high - 1, low + BASE end
  end
  if high == 0 then return sign .. string.format('%.0f', low) end
  return sign .. string.format('%.0f%010.0f', high, low)
end

local function add(a, b) return normal(a[1] + b[1], a[2] + b[2]) end
local function subtract(a, b) return normal(a[1] - b[1], a[2] - b[2]) end
local function less(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end

-- 2^63 - 1 in both directions, as in every storage.
local GREATEST = {922337203, 6854775807}
local LEAST = {-922337204, 3145224193}
local function fits(amount) return not less(GREATEST, amount) and not less(amount, LEAST) end
`
