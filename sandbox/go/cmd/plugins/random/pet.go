package random

import "strings"

var (
	petAdverbs = []string{
		"boldly", "brightly", "calmly", "clearly", "deeply", "evenly", "firmly", "fully", "gently", "gladly", "greatly", "kindly",
		"largely", "lightly", "mostly", "nearly", "neatly", "openly", "purely", "quickly", "rarely", "safely", "simply", "truly",
	}
	petAdjectives = []string{
		"able", "amused", "brave", "bright", "calm", "clever", "cosmic", "eager", "fair", "fresh", "golden", "grand", "happy", "keen",
		"light", "lively", "loyal", "modern", "noble", "polite", "proud", "quiet", "rapid", "sharp", "smart", "steady", "warm", "wise",
	}
	petNames = []string{
		"badger", "bear", "beetle", "bison", "crane", "deer", "dolphin", "eagle", "falcon", "ferret", "finch", "fox", "gecko", "goose",
		"hare", "heron", "ibex", "koala", "lynx", "marten", "mole", "newt", "otter", "owl", "panda", "puffin", "raven", "seal", "stork", "swan",
	}
)

// petName is adverbs, one adjective and one animal, in the requested number of words.
func petName(words int, separator, prefix string) (string, error) {
	var parts []string
	if prefix != "" {
		parts = append(parts, prefix)
	}
	for left := words; left > 0; left-- {
		list := petAdverbs
		switch left {
		case 1:
			list = petNames
		case 2:
			list = petAdjectives
		}
		index, err := below(len(list))
		if err != nil {
			return "", err
		}
		parts = append(parts, list[index])
	}
	return strings.Join(parts, separator), nil
}
