// What all test apps share: the merchant's key and a meter.

export const secretKey = 'aks_test_0123456789abcdef'

/** Cost plus 20 %. */
export const chatMeter = {
  meter_slug: 'chat',
  name: 'Chat',
  rate_type: 'percentage',
  tier_type: 'tokens_1m',
  tiers: [{ start: '0', rate: '120' }],
} as const
