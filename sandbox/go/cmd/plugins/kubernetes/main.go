package kubernetes

func Main(args []string) error { return nil }
