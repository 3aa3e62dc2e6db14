"""What `rtm doctor` looks at: settings and where they came from, this machine, Kafka, the warehouse. A check in, a finding out."""
