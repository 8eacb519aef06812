"""What a person narrows a list down to, kept under a name. Personal: nobody else sees it."""
