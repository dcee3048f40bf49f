-- Positions are compared as text, since Lua's numbers are exact to 2^53 only.
local function older(a, b) return #a < #b or (#a == #b and a < b) end
