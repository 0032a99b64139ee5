#!/usr/bin/perl
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Read mails with Email::MIME and Email::Address::XS, which share nothing with
# Python's email package, and print what they hold as one JSON object each.
# Standard input: for each mail its length in bytes, a newline, and the mail.

use strict;
use warnings FATAL => 'all';
use Email::Address::XS qw(parse_email_groups);
use Email::MIME;
use JSON::PP;
use MIME::Base64 qw(encode_base64);
use MIME::QuotedPrint qw(decode_qp);

binmode STDIN;
my $json = JSON::PP->new->ascii->canonical;

sub addresses {
	my ($value) = @_;
	my @found;
	my @groups = parse_email_groups($value);
	while (my ($group, $list) = splice(@groups, 0, 2)) {
		push @found, map {
			{
				group => $group,
				name => $_->phrase,
				comment => $_->comment,
				email => $_->address,
				valid => $_->is_valid ? JSON::PP::true : JSON::PP::false,
			}
		} @$list;
	}
	return \@found;
}

# Email::MIME makes every line end of quoted-printable CRLF, as on the wire.
sub body {
	my ($mail) = @_;
	my $quoted = lc($mail->header('Content-Transfer-Encoding') // '') eq 'quoted-printable';
	return $quoted ? decode_qp($mail->body_raw) : $mail->body;
}

while (defined(my $length = <STDIN>)) {
	chomp $length;
	read(STDIN, my $raw, $length) == $length or die "short mail\n";
	my $mail = Email::MIME->new($raw);
	my @pairs = $mail->header_raw_pairs;
	my (@names, %raw);
	while (my ($name, $value) = splice(@pairs, 0, 2)) {
		push @names, $name;
		$raw{$name} = $value;
	}
	my $type = Email::MIME::parse_content_type($raw{'Content-Type'} // '');
	print $json->encode({
		names => \@names,
		raw => \%raw,
		subject => $mail->header_str('Subject'),
		addresses => { map { $_ => addresses($raw{$_}) } grep { defined $raw{$_} } qw(From To Cc) },
		type => "$type->{type}/$type->{subtype}",
		charset => $type->{attributes}{charset},
		parts => scalar($mail->subparts),
		body => encode_base64(body($mail), ''),
	}), "\n";
}
