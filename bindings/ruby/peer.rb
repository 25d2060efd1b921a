# frozen_string_literal: true

# The program that every language has, in Ruby: bindings/interop/README.md says what it does.

require 'gossiperl'
require 'json'

$stdout.sync = true

USAGE = 'usage: peer publish|receive|bench-publish|bench-receive PORT NAME [COUNT [SIZE]]'
DIGESTS = 'digest.'

def bytes(hexadecimal)
  hexadecimal == '-' ? ''.b : [hexadecimal].pack('H*')
end

def hexadecimal(bytes)
  bytes.empty? ? '-' : bytes.unpack1('H*')
end

def digest(fields)
  fields = fields == '-' ? [] : fields.split(',')
  fields.each_with_object(Gossiperl::Digest.new) do |field, digest|
    id, kind, value = field.split(':')
    value = case kind
            when 'bool' then value == 'true'
            when 'double' then bytes(value).unpack1('G')
            when 'string' then bytes(value)
            else Integer(value, 10)
            end
    digest.public_send(kind, Integer(id, 10), value)
  end
end

def fields(digest)
  fields = digest.map do |field|
    value = case field.kind
            when :double then [field.value].pack('G').unpack1('H*')
            when :string then hexadecimal(field.value)
            else field.value
            end
    "#{field.id}:#{field.kind}:#{value}"
  end
  fields.empty? ? '-' : fields.join(',')
end

def line(delivery)
  type = hexadecimal(delivery.type)
  return "digest #{type} #{fields(delivery.digest)}" if delivery.type.b.start_with?(DIGESTS)

  "bytes #{type} #{hexadecimal(delivery.payload)}"
end

def publish(client)
  count = 0
  $stdin.each_line(chomp: true) do |line|
    case line.split
    in ['bytes', type, payload] then client.publish(bytes(type), bytes(payload))
    in ['digest', type, fields] then client.publish(bytes(type), digest(fields))
    end
    count += 1
  end
  puts "done #{count}"
end

def receive(client)
  client.subscribe($stdin.gets.chomp.split(',').map { |type| bytes(type) })
  puts 'ready'
  Thread.report_on_exception = false
  writing = Thread.new { client.each_delivery { |delivery| puts line(delivery) } }
  $stdin.read
  client.close
  writing.join
end

def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

def report(count, seconds)
  puts JSON.generate(messages: count, seconds: seconds)
end

def bench_publish(client, count, size)
  payload = 'x' * size
  start = now
  client.send_messages('bench', Enumerator.new(count) { |all| count.times { all << payload } })
  client.flush
  report(count, now - start)
end

def bench_receive(client, count)
  client.subscribe('bench')
  puts 'ready'
  first = nil
  seen = 0
  while seen < count
    seen += client.next_events.count { |event| event.is_a?(Gossiperl::Delivery) }
    first ||= now if seen.positive?
  end
  report(count, now - first)
end

begin
  command, port, name, *numbers = ARGV
  work = { 'publish' => 0, 'receive' => 0, 'bench-publish' => 2, 'bench-receive' => 1 }
  abort USAGE unless name && work[command] == numbers.size
  Gossiperl.connect(port: Integer(port, 10), name: name, key: ENV.fetch('GOSSIPERL_KEY')) do |client|
    send(command.tr('-', '_'), client, *numbers.map { |number| Integer(number, 10) })
  end
rescue StandardError => e
  abort "#{e.class}: #{e.message.lines.first&.chomp}"
end
