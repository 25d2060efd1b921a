# frozen_string_literal: true

require_relative 'support'

class TestMessages < DaemonTest
  def test_a_message_arrives_as_it_was_published
    type = unique('plain')
    reader = connect.subscribe(type)
    writer = connect
    payloads = ['', 'hello', (0..255).map(&:chr).join.b, Random.bytes(60_000), 'größe 🙂']
    payloads.each { |payload| writer.publish(type, payload) }
    ids = payloads.map do |payload|
      delivery = await_delivery(reader)
      assert_equal type, delivery.type
      assert_equal Encoding::BINARY, delivery.payload.encoding
      assert_equal payload.b, delivery.payload
      assert_match(/\A\h{16}-\h{16}\z/, delivery.dup.freeze.id)
      assert_equal [delivery.id, Encoding::UTF_8], [delivery.id, delivery.id.encoding]
      delivery.id
    end
    assert_equal ids, ids.uniq
  end

  def test_names_of_any_bytes
    type = "\xff\xfe\x00.#{unique('odd')}"
    reader = connect.subscribe(type)
    assert_equal [type], reader.subscriptions
    connect.publish(type.b, 'x')
    delivery = await_delivery(reader)
    assert_equal type, delivery.type
    assert_equal [type.b], reader.unsubscribe(type).next_events.flat_map(&:types).map(&:b)
    umlaut = connect.subscribe('größe', :symbol)
    assert_equal %w[größe symbol], umlaut.subscriptions
  end

  def test_a_digest_of_every_kind_of_field
    type = unique('digest')
    reader = connect.subscribe(type)
    nan = ['7ff8000000000123'].pack('H*').unpack1('G')
    sent = Gossiperl::Digest.new
                            .bool(1, true).bool(2, false).byte(-32_768, -128).byte(3, 127).i16(4, -32_768).i32(5, 2**31 - 1)
                            .i64(6, -2**63).i64(7, 2**53 + 1).double(8, -0.0).double(9, nan).double(10, Float::INFINITY)
                            .string(11, "\xff\x00").string(32_767, 'größe').string(0, '')
    connect.publish(type, sent)
    connect.publish(type, Gossiperl::Digest.new)
    read = await_delivery(reader).digest
    assert_equal sent.size, read.size
    assert_equal sent.fields.map { |field| [field.id, field.kind] }, read.fields.map { |field| [field.id, field.kind] }
    assert_equal '7ff8000000000123', [read[9]].pack('G').unpack1('H*')
    assert_equal [-2**63, 2**53 + 1, -128, "\xff\x00".b, 'größe'], [read[6], read[7], read[-32_768], read[11], read[32_767]]
    assert_equal(-Float::INFINITY, 1 / read[8])
    assert_equal :byte, read.kind(3)
    assert_nil read[99]
    assert_raises(KeyError) { read.fetch(99) }
    assert_equal 0, await_delivery(reader).digest.size
  end

  def test_what_is_no_digest
    type = unique('bytes')
    reader = connect.subscribe(type)
    connect.publish(type, "\xff no digest")
    assert_raises(Gossiperl::InvalidArgumentError) { await_delivery(reader).digest }
    wrong = [
      ->(digest) { digest.byte(1, 128) }, ->(digest) { digest.i64(1, 2**63) }, ->(digest) { digest.i16(32_768, 1) },
      ->(digest) { digest.bool(1, nil) }, ->(digest) { digest.string(1, :text) }, ->(digest) { digest.double(1, 'x') }
    ]
    wrong.each { |set| assert_raises(Gossiperl::InvalidArgumentError) { set.call(Gossiperl::Digest.new) } }
  end

  def test_sent_messages_come_in_order
    type = unique('sent')
    reader = connect.subscribe(type)
    writer = connect
    100.times { |number| writer.send_message(type, number.to_s) }
    writer.send_messages(type, (100...5_000).map(&:to_s)).flush
    seen = soon { reader.deliveries.take(5_000).map { |delivery| delivery.payload.to_i } }
    assert_equal (0...5_000).to_a, seen
  end

  def test_sending_without_waiting_is_busy_where_there_is_no_room
    client = Gossiperl.start(port: 1, name: 'nobody', key: 'key', publish_window: 2)
    @clients << client
    assert_raises(Gossiperl::BusyError) { 3.times { client.send_message('a', '', wait: false) } }
  end

  def test_wrong_arguments
    client = connect
    wrong = [
      -> { client.publish('', '') }, -> { client.publish('member_in', '') }, -> { client.publish('a', 'x' * 60_001) },
      -> { client.subscribe }, -> { client.subscribe('x' * 256) }, -> { client.publish(7, '') }, -> { client.publish('a', nil) }
    ]
    wrong.each { |call| assert_equal :argument, assert_raises(Gossiperl::InvalidArgumentError, &call).kind }
  end
end
