# frozen_string_literal: true

# A chat: publishes each line of standard input, and prints the others' lines and who comes and goes.
#
#   GOSSIPERL_KEY=… ruby chat.rb PORT NAME

require 'gossiperl'

$stdout.sync = true
TOPIC = 'chat'

port, name = ARGV
abort 'usage: GOSSIPERL_KEY=… ruby chat.rb PORT NAME' unless name

Gossiperl.connect(port: Integer(port), name: name, key: ENV.fetch('GOSSIPERL_KEY')) do |client|
  client.subscribe TOPIC
  here = client.watch_members.select(&:client?).map(&:name) - [name]
  puts "here: #{here.empty? ? 'nobody else' : here.sort.join(', ')}"

  listening = Thread.new do
    client.each_event do |event|
      case event
      in Gossiperl::Delivery
        said = event.digest
        puts "#{said[1]}: #{said[2]}"
      in { change: :in | :rejoin, member: } then puts "* #{member.name} comes"
      in { change: :out, member: } then puts "* #{member.name} goes"
      in Gossiperl::Event::Disconnected then puts '* the daemon is away'
      in Gossiperl::Event::Connected then puts "* connected to #{event.daemon}"
      else next
      end
    end
  end

  $stdin.each_line(chomp: true) do |line|
    client.publish TOPIC, Gossiperl::Digest.new.string(1, name).string(2, line)
  end
  client.close
  listening.join
end
