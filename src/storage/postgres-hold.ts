// The PostgreSQL function of a hold, in PL/pgSQL.

/** `p_least`: what cycle + bundle − held must be at least, before the hold; null: whatever it is. */
export const holdFunction = `
CREATE FUNCTION {schema}.lava_hold_1(
  p_attempt text, p_amount bigint, p_least numeric, p_expires_at_ms bigint,
  p_request_id text, p_customer_id text, p_meter_id text, p_fingerprint text, p_created_at text, p_created_at_ms bigint,
  p_cost bigint, p_total_tokens double precision, p_metadata text[], p_record text,
  OUT outcome text, OUT balance_cycle bigint, OUT balance_bundle bigint, OUT balance_held bigint, OUT first_record text
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  v_sequence bigint;
  v_existing {schema}.lava_requests;
  v_covered boolean := true;
BEGIN
  LOOP
    IF p_customer_id IS NOT NULL THEN
      UPDATE {schema}.lava_customers SET held = held + p_amount
        WHERE customer_id = p_customer_id AND (p_least IS NULL OR cycle::numeric + bundle - held >= p_least)
        RETURNING cycle, bundle, held INTO balance_cycle, balance_bundle, balance_held;
      v_covered := FOUND;
    END IF;

    IF v_covered THEN
      INSERT INTO {schema}.lava_requests (request_id, customer_id, meter_id, status, fingerprint, attempt, held,
          expires_at_ms, created_at, created_at_ms, cost, charge, total_tokens, metadata, record)
        VALUES (p_request_id, p_customer_id, p_meter_id, 'pending', p_fingerprint, p_attempt,
          CASE WHEN p_customer_id IS NULL THEN 0 ELSE p_amount END,
          p_expires_at_ms, p_created_at, p_created_at_ms, p_cost, 0, p_total_tokens, p_metadata, p_record::json)
        ON CONFLICT (request_id) DO NOTHING
        RETURNING sequence INTO v_sequence;
      IF FOUND THEN
        IF cardinality(p_metadata) > 0 THEN
          INSERT INTO {schema}.lava_request_metadata (pair, sequence) SELECT pair, v_sequence FROM unnest(p_metadata) AS pair;
        END IF;
        outcome := 'held';
        RETURN;
      END IF;
      IF p_customer_id IS NOT NULL THEN
        UPDATE {schema}.lava_customers SET held = held - p_amount WHERE customer_id = p_customer_id;
      END IF;
    END IF;

    SELECT cycle, bundle, held INTO balance_cycle, balance_bundle, balance_held
      FROM {schema}.lava_customers WHERE customer_id = p_customer_id;
    SELECT * INTO v_existing FROM {schema}.lava_requests WHERE request_id = p_request_id;
    IF FOUND THEN
      IF v_existing.attempt = p_attempt THEN
        outcome := 'held';
      ELSE
        outcome := CASE WHEN v_existing.fingerprint = p_fingerprint THEN 'duplicate' ELSE 'reused' END;
        first_record := v_existing.record;
      END IF;
      RETURN;
    END IF;

    IF p_customer_id IS NOT NULL AND balance_cycle IS NULL THEN
      IF p_least > 0 THEN
        outcome := 'insufficient';
        balance_cycle := 0; balance_bundle := 0; balance_held := 0;
        RETURN;
      END IF;
      INSERT INTO {schema}.lava_customers (customer_id) VALUES (p_customer_id) ON CONFLICT (customer_id) DO NOTHING;
    ELSIF balance_cycle::numeric + balance_bundle - balance_held < p_least THEN
      outcome := 'insufficient';
      RETURN;
    END IF;
    -- Covered by now, or another call's row went away: once more.
  END LOOP;
END $$;
`
